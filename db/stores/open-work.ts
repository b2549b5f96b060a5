import type { DataSource } from 'typeorm';
import { Between, In, IsNull, Not } from 'typeorm';

import type { BuildPhase } from '../../model/phases';
import { FINAL_PHASES } from '../../model/phases';
import { Account } from '../entities/accounts';
import { Build } from '../entities/builds';
import { Manifest } from '../entities/content';
import { Delivery } from '../entities/notifications';
import { OutboxRow } from '../entities/outbox';
import { Repository } from '../entities/repositories';
import { IndexReportRow } from '../entities/scanning';

/** What was written later than this after a moment that has passed bears the time of a clock that was set back. */
const YOUNG_MS = 60_000;

export interface OpenBuild {
  uuid: string;
  phase: BuildPhase;
  repositoryId: number;
  namespace: string;
}

/**
 * Where to begin to look at `limit` of `count` rows that may all be well: at a random place, so that repeated looks see
 * them all.
 */
function windowStart(count: number, limit: number): number {
  return Math.floor(Math.random() * (Math.max(0, count - limit) + 1));
}

/** Builds that have not ended, oldest first, none younger than `beforeMs`; of more than `limit` a window. */
export async function findOpenBuilds(
  dataSource: DataSource,
  beforeMs: number,
  limit: number,
): Promise<OpenBuild[]> {
  const query = dataSource.manager
    .createQueryBuilder(Build, 'b')
    .select(['b.uuid AS uuid', 'b.phase AS phase', 'r.id AS repositoryId', 'n.name AS namespace'])
    .innerJoin(Repository, 'r', 'r.id = b.repositoryId')
    .innerJoin(Account, 'n', 'n.id = r.namespaceId')
    .where('b.phase NOT IN (:...final)', { final: FINAL_PHASES })
    .andWhere('b.createdAtMs NOT BETWEEN :beforeMs AND :youngMs', { beforeMs, youngMs: beforeMs + YOUNG_MS })
    .orderBy('b.id');
  return query
    .offset(windowStart(await query.getCount(), limit))
    .limit(limit)
    .getRawMany<OpenBuild>();
}

/** Deliveries that have not ended and are older than `beforeMs`; of more than `limit` a window. */
export async function findPendingDeliveries(
  dataSource: DataSource,
  beforeMs: number,
  limit: number,
): Promise<string[]> {
  const where = { status: 'pending' as const, createdAtMs: Not(Between(beforeMs, beforeMs + YOUNG_MS)) };
  const count = await dataSource.manager.countBy(Delivery, where);
  const rows = await dataSource.manager.find(Delivery, {
    select: { id: true, uuid: true },
    where,
    order: { createdAtMs: 'ASC' },
    skip: windowStart(count, limit),
    take: limit,
  });
  return rows.map((row) => row.uuid);
}

export interface QueuedScan {
  manifestId: number;
  repositoryId: number;
  digest: string;
}

/** Manifests whose scan was announced and has not ended; of more than `limit` a window. */
export async function findQueuedScans(dataSource: DataSource, limit: number): Promise<QueuedScan[]> {
  const query = dataSource.manager
    .createQueryBuilder(IndexReportRow, 'i')
    .select(['m.id AS manifestId', 'm.repositoryId AS repositoryId', 'm.digest AS digest'])
    .innerJoin(Manifest, 'm', 'm.id = i.manifestId')
    .where('i.status = :status', { status: 'queued' })
    .orderBy('i.id');
  const rows = await query
    .offset(windowStart(await query.getCount(), limit))
    .limit(limit)
    .getRawMany<{ manifestId: string; repositoryId: string; digest: string }>();
  return rows.map(({ manifestId, repositoryId, digest }) => ({
    manifestId: Number(manifestId),
    repositoryId: Number(repositoryId),
    digest,
  }));
}

/**
 * True while the relay still has to tell Temporal of a build; a parked row does not count, it never will. Looked up by the key
 * of its repository: after an outage, reading all that waits for each build would hold the relay up.
 */
export async function isBuildOnItsWay(
  dataSource: DataSource,
  { uuid, repositoryId }: OpenBuild,
): Promise<boolean> {
  return dataSource.manager
    .createQueryBuilder(OutboxRow, 'o')
    .where('o.deliveredAtMs IS NULL AND o.parkedAtMs IS NULL')
    .andWhere('o.orderingKey = :key', { key: `repository:${repositoryId}` })
    .andWhere('o.kind = :kind AND o.payload LIKE :part', { kind: 'build.queued', part: `%"${uuid}"%` })
    .getExists();
}

/** The same of the scan that is announced under this key. */
export async function isScanOnItsWay(dataSource: DataSource, orderingKey: string): Promise<boolean> {
  return dataSource.manager.existsBy(OutboxRow, {
    orderingKey,
    kind: 'manifest.pushed',
    deliveredAtMs: IsNull(),
    parkedAtMs: IsNull(),
  });
}

/** The same of a delivery, whose outbox row bears its uuid. */
export async function isDeliveryOnItsWay(dataSource: DataSource, uuid: string): Promise<boolean> {
  return dataSource.manager.existsBy(OutboxRow, {
    eventId: uuid,
    deliveredAtMs: IsNull(),
    parkedAtMs: IsNull(),
  });
}

/** Those of the builds that run, or ended after `afterMs`: their work directories may still be in use. */
export async function keepBuildsInUse(
  dataSource: DataSource,
  uuids: string[],
  afterMs: number,
): Promise<string[]> {
  if (uuids.length === 0) return [];
  const rows = await dataSource.manager.findBy(Build, [
    { uuid: In(uuids), phase: Not(In(FINAL_PHASES)) },
    { uuid: In(uuids), endedAtMs: Between(afterMs, afterMs + YOUNG_MS) },
  ]);
  return rows.map((row) => row.uuid);
}
