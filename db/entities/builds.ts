import { Entity, ForeignKey, Index } from 'typeorm';

import type { BuildPhase } from '../../model/phases';
import { Big, Flag, Id, Int, Json, LongText, Ref, Sealed, SealedJson, Text, Uuid } from '../columns';
import { Account } from './accounts';
import { Repository, RepositoryToken } from './repositories';

export type DisabledReason =
  'user_toggled' | 'successive_build_failures' | 'successive_build_internal_errors';

@Entity('build_trigger')
export class BuildTrigger {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(32) service: string;
  /** Builds spec 1.2, without `credentials`: those are derived. */
  @SealedJson() config: Record<string, unknown>;
  @Flag({ default: 0 }) isActive: boolean;
  @LongText({ nullable: true }) publicKey: string | null;
  @Sealed({ nullable: true }) privateKey: string | null;
  @Sealed({ nullable: true }) authToken: string | null;
  @ForeignKey(() => RepositoryToken, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  writeTokenId: number | null;
  @ForeignKey(() => Account, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  pullRobotId: number | null;
  @ForeignKey(() => Account, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  connectedAccountId: number | null;
  @Flag({ default: 1 }) enabled: boolean;
  @Text(64, { nullable: true }) disabledReason: DisabledReason | null;
  @Big({ nullable: true }) disabledAtMs: number | null;
  @Int({ default: 0 }) successiveFailures: number;
  @Int({ default: 0 }) successiveInternalErrors: number;
  @Big() createdAtMs: number;
}

@Entity('build')
@Index('build_repository', ['repositoryId', 'createdAtMs'])
@Index('build_trigger_builds', ['triggerId', 'createdAtMs'])
@Index('build_phase', ['phase', 'createdAtMs'])
export class Build {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @ForeignKey(() => BuildTrigger, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  triggerId: number | null;
  @Text(24) phase: BuildPhase;
  @Text(255) displayName: string;
  @Json() dockerTags: string[];
  @Text(1024) context: string;
  @Text(1024) dockerfilePath: string;
  @LongText({ nullable: true }) archiveUrl: string | null;
  @Json() triggerMetadata: Record<string, unknown>;
  @Flag({ default: 0 }) isManual: boolean;
  @ForeignKey(() => Account, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  manualAccountId: number | null;
  @ForeignKey(() => Account, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  pullRobotId: number | null;
  @ForeignKey(() => RepositoryToken, { onDelete: 'SET NULL' })
  @Ref({ nullable: true })
  pushTokenId: number | null;
  /** Progress for people: `total_commands`, `current_command`, completions (builds spec 5.12). */
  @Json() status: Record<string, unknown>;
  /** How often the workflow has begun from clone; a worker that lost the build writes under an old number and is refused. */
  @Int({ default: 0 }) attempt: number;
  /** A code of builds spec 5.9 and the text that the user reads. */
  @Text(64, { nullable: true }) errorCode: string | null;
  @LongText({ nullable: true }) errorMessage: string | null;
  @Text(255, { nullable: true }) imageId: string | null;
  @Text(140, { nullable: true }) manifestDigest: string | null;
  /** Number of log entries; the next entry's position. */
  @Int({ default: 0 }) logLength: number;
  /** Key of the one object that holds the log after the end. */
  @Text(255, { nullable: true }) logObjectKey: string | null;
  @Big() createdAtMs: number;
  @Big({ nullable: true }) startedAtMs: number | null;
  @Big({ nullable: true }) endedAtMs: number | null;
  /** Last sign of life of whoever runs it. */
  @Big({ nullable: true }) heartbeatAtMs: number | null;
}

export type BuildLogType = 'phase' | 'command' | 'error';

@Entity('build_log')
@Index('build_log_position', ['buildId', 'position'], { unique: true })
export class BuildLogEntry {
  @Id() id: number;
  @ForeignKey(() => Build, { onDelete: 'CASCADE' })
  @Ref()
  buildId: number;
  @Int() position: number;
  @Text(16, { nullable: true }) type: BuildLogType | null;
  @LongText() message: string;
  @Json() data: Record<string, unknown>;
  @Big() createdAtMs: number;
}
