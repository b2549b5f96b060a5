import { Entity, ForeignKey, Index } from 'typeorm';

import type { AccountKind, TeamRole } from '../../model/roles';
import { Big, Flag, Id, Int, LongText, Ref, Sealed, Text, Uuid } from '../columns';

/** Users, organizations and robots share one space of names (permissions spec 1). */
@Entity('account')
@Index('account_owner', ['ownerId'])
export class Account {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @Text(16) kind: AccountKind;
  /** A robot's is `<namespace>+<short name>`. */
  @Text(255, { unique: true }) name: string;
  /** Lower case. */
  @Text(254, { nullable: true, unique: true }) email: string | null;
  @Text(255, { nullable: true }) passwordHash: string | null;
  @Flag({ default: 1 }) enabled: boolean;
  @Flag({ default: 0 }) verified: boolean;
  @Flag({ default: 0 }) superuser: boolean;
  /** The namespace that a robot belongs to. */
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref({ nullable: true })
  ownerId: number | null;
  @Sealed({ nullable: true }) robotToken: string | null;
  @Text(255, { default: '' }) description: string;
  @Big() tagExpirationMs: number;
  @Int({ nullable: true }) maximumQueuedBuilds: number | null;
  @Big() createdAtMs: number;
  @Big({ nullable: true }) lastAccessedMs: number | null;
}

@Entity('team')
@Index('team_name', ['organizationId', 'name'], { unique: true })
export class Team {
  @Id() id: number;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  organizationId: number;
  @Text(255) name: string;
  @Text(16) role: TeamRole;
  @LongText({ nullable: true }) description: string | null;
  @Big() createdAtMs: number;
}

@Entity('team_member')
@Index('team_member_account', ['accountId', 'teamId'], { unique: true })
export class TeamMember {
  @Id() id: number;
  @ForeignKey(() => Team, { onDelete: 'CASCADE' })
  @Ref()
  teamId: number;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  accountId: number;
}

/** A browser's session; the cookie holds the key, this row its SHA-256. */
@Entity('session')
export class Session {
  @Id() id: number;
  @Text(64, { unique: true }) keyHash: string;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  accountId: number;
  @Text(64) csrfToken: string;
  /** The last time that a password was typed: feeds the fresh-login check. */
  @Big() loginAtMs: number;
  @Big() expiresAtMs: number;
}

/** A bearer token of the REST API: 20 characters to find it by, 20 that are hashed (api spec 2.1). */
@Entity('oauth_token')
export class OauthToken {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  accountId: number;
  @Text(64) title: string;
  @Text(20, { unique: true }) lookup: string;
  @Text(64) secretHash: string;
  /** Blank-separated. */
  @Text(255) scopes: string;
  @Big() createdAtMs: number;
  @Big() expiresAtMs: number;
}

/** A password that a person made for a client, for user `$app` in the registry (api spec 21). */
@Entity('app_token')
@Index('app_token_expiry', ['expiresAtMs'])
export class AppToken {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  accountId: number;
  @Text(255) title: string;
  /** First 60 characters of the password. */
  @Text(60, { unique: true }) code: string;
  /** The rest of it; sealed, as it is shown again to its owner. */
  @Sealed() secret: string;
  @Big() createdAtMs: number;
  /** Null lives until it is revoked. */
  @Big({ nullable: true }) expiresAtMs: number | null;
  @Big({ nullable: true }) lastAccessedMs: number | null;
}

/** Key pairs that sign registry tokens; the public half is shared by every process through this table. */
@Entity('service_key')
export class ServiceKey {
  @Id() id: number;
  @Text(64, { unique: true }) kid: string;
  @LongText() publicJwk: string;
  @Sealed() privatePem: string;
  @Big() createdAtMs: number;
  @Big({ nullable: true }) expiresAtMs: number | null;
}
