import { Entity, ForeignKey, Index } from 'typeorm';

import type { Severity } from '../../model/severities';
import { Big, Flag, Id, Int, Json, LongText, Ref, Text, Uuid } from '../columns';
import { Manifest } from './content';

export type ScanStatus = 'queued' | 'scanned' | 'failed' | 'unsupported' | 'manifest_layer_too_large';

/** What one layer holds, by content: a layer is read once per indexer state, whoever asks first. */
@Entity('scan_layer')
@Index('scan_layer_result', ['layerDigest', 'indexerState'], { unique: true })
export class ScanLayer {
  @Id() id: number;
  @Text(140) layerDigest: string;
  @Text(64) indexerState: string;
  /** Where storage keeps what the layer holds; null until it was read. */
  @Text(255, { nullable: true }) resultKey: string | null;
  /** Why its bytes, although those that were pushed, cannot be read; reading them again would say the same. */
  @LongText({ nullable: true }) error: string | null;
  @Text(64, { nullable: true }) leaseOwner: string | null;
  @Big({ nullable: true }) leaseUntilMs: number | null;
  @Big() createdAtMs: number;
}

/** The state of scanning of one manifest of one repository, with its index report (scanning spec 5.2, 5.4). */
@Entity('index_report')
@Index('index_report_manifest', ['manifestId'], { unique: true })
export class IndexReportRow {
  @Id() id: number;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  manifestId: number;
  @Text(32) status: ScanStatus;
  @Text(64, { nullable: true }) indexerState: string | null;
  @Json({ nullable: true }) document: unknown;
  @LongText({ nullable: true }) error: string | null;
  @Int({ default: 0 }) failures: number;
  /** Set when the findings of the first index were announced. */
  @Big({ nullable: true }) announcedAtMs: number | null;
  @Big({ nullable: true }) indexedAtMs: number | null;
}

/** One source of advisories; a new content makes a new operation. */
@Entity('advisory_source')
export class AdvisorySource {
  @Id() id: number;
  @Text(128, { unique: true }) name: string;
  @Text(64) fingerprint: string;
  @Uuid() operation: string;
  @Int() advisoryCount: number;
  @Json() warnings: string[];
  /** Why the newest content was not taken; the data of before is still served. */
  @LongText({ nullable: true }) lastError: string | null;
  @Big() updatedAtMs: number;
}

@Entity('advisory')
@Index('advisory_package', ['namespace', 'packageName'])
@Index('advisory_source_operation', ['sourceId', 'operation'])
export class AdvisoryRow {
  @Id() id: number;
  @ForeignKey(() => AdvisorySource, { onDelete: 'CASCADE' })
  @Ref()
  sourceId: number;
  /** Only rows of the source's current operation count. */
  @Uuid() operation: string;
  /** `debian:12`, `pypi` … (scanning spec 3.6). */
  @Text(128) namespace: string;
  @Text(255) packageName: string;
  @Text(128) advisoryId: string;
  @Text(16) severity: Severity;
  /** Everything else that matching and presenting need, as the scanner made it. */
  @Json() document: unknown;
  @Flag({ default: 0 }) withdrawn: boolean;
}
