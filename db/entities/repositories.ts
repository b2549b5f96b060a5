import { Entity, ForeignKey, Index } from 'typeorm';

import type { RepositoryRole, RepositoryState, Visibility } from '../../model/roles';
import { Big, Id, LongText, Ref, Sealed, Text, Uuid } from '../columns';
import { Account, Team } from './accounts';

@Entity('repository')
@Index('repository_name', ['namespaceId', 'name'], { unique: true })
export class Repository {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  namespaceId: number;
  @Text(255) name: string;
  @Text(16) visibility: Visibility;
  @Text(32) state: RepositoryState;
  @LongText({ nullable: true }) description: string | null;
  /** Opens the build badge of a private repository. */
  @Uuid() badgeToken: string;
  @Big() createdAtMs: number;
}

/** Exactly one of account and team is set. */
@Entity('repository_permission')
@Index('permission_account', ['repositoryId', 'accountId'], { unique: true })
@Index('permission_team', ['repositoryId', 'teamId'], { unique: true })
@Index('permission_of_account', ['accountId'])
export class RepositoryPermission {
  @Id() id: number;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref({ nullable: true })
  accountId: number | null;
  @ForeignKey(() => Team, { onDelete: 'CASCADE' })
  @Ref({ nullable: true })
  teamId: number | null;
  @Text(16) role: RepositoryRole;
}

/** Password of user `$token` on one repository: the webhook of a trigger, or the pushes of one build. */
@Entity('repository_token')
export class RepositoryToken {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(16) kind: 'trigger' | 'build';
  @Text(255) friendlyName: string;
  @Text(16) role: RepositoryRole;
  /** First 32 characters of the password (A–Z, 0–9). */
  @Text(32, { unique: true }) code: string;
  /** Last 32 characters. */
  @Sealed() secret: string;
  /** Uuid of the build whose life bounds the token. */
  @Uuid({ nullable: true }) buildUuid: string | null;
  @Big() createdAtMs: number;
  @Big({ nullable: true }) expiresAtMs: number | null;
  @Big({ nullable: true }) revokedAtMs: number | null;
}

@Entity('audit_log')
@Index('audit_repository', ['repositoryId', 'createdAtMs'])
@Index('audit_namespace', ['namespaceId', 'createdAtMs'])
export class AuditLog {
  @Id() id: number;
  /** One of Quay's kinds (api spec 33). */
  @Text(64) kind: string;
  /** No foreign keys: the log outlives what it tells of. */
  @Ref({ nullable: true }) namespaceId: number | null;
  @Ref({ nullable: true }) repositoryId: number | null;
  @Ref({ nullable: true }) performerId: number | null;
  @Text(64, { nullable: true }) ip: string | null;
  @LongText() metadata: string;
  @Big() createdAtMs: number;
}
