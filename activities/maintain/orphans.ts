import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';

import type { BuildDeps } from '../../commands/builds/build-deps';
import { markBuildLost } from '../../commands/builds/finish-build';
import { giveUpDelivery } from '../../commands/notifications/deliveries';
import { failLostScan } from '../../commands/scans/fail-lost-scan';
import type { OpenBuild, QueuedScan } from '../../db/stores/open-work';
import {
  findOpenBuilds,
  findPendingDeliveries,
  findQueuedScans,
  isBuildOnItsWay,
  isDeliveryOnItsWay,
} from '../../db/stores/open-work';

export interface Orphan {
  kind: 'build' | 'delivery' | 'scan';
  /** Uuid of the build or delivery, id of the scanned manifest. */
  id: string;
  /** Of a build: whose queue holds a slot for it. */
  namespace: string | null;
  /** What a person reads in the record. */
  reason: string;
}

export interface OrphanDeps extends BuildDeps {
  client: Client;
  indexerState: () => string;
}

export interface OrphanActivities {
  /** Rows that say "under way" although no workflow is there that could end them. */
  findOrphans(): Promise<Orphan[]>;
  /** May be repeated: what has ended in the meantime is left alone. */
  settleOrphan(orphan: Orphan): Promise<void>;
}

/** Time in which a row and its workflow may not know of each other yet. */
const GRACE_MS = 15_000;
const LIMIT = 500;
const AT_ONCE = 8;

export function createOrphanActivities(deps: OrphanDeps): OrphanActivities {
  return {
    async findOrphans() {
      const beforeMs = deps.now() - GRACE_MS;
      const builds = await findOpenBuilds(deps.dataSource, beforeMs, LIMIT);
      const deliveries = await findPendingDeliveries(deps.dataSource, beforeMs, LIMIT);
      const scans = await findQueuedScans(deps.dataSource, LIMIT);
      return [
        ...(await inspect(builds, (build) => inspectBuild(deps, build))),
        ...(await inspect(deliveries, (uuid) => inspectDelivery(deps, uuid))),
        ...(await inspect(scans, (scan) => inspectScan(deps, scan))),
      ];
    },

    async settleOrphan({ kind, id, namespace, reason }) {
      switch (kind) {
        case 'build':
          await markBuildLost(deps, id, reason);
          // Also when the row had ended: the queue may not have heard of it.
          if (namespace !== null) await freeSlot(deps.client, namespace, id);
          return;
        case 'delivery':
          return giveUpDelivery(deps, id, reason);
        case 'scan':
          return failLostScan(deps, Number(id), reason);
        default:
          kind satisfies never;
      }
    },
  };
}

/** Looks at a few at a time and keeps the orphans. */
async function inspect<T>(items: T[], look: (item: T) => Promise<Orphan | undefined>): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const found = await Promise.all(items.slice(start, start + AT_ONCE).map(look));
    orphans.push(...found.filter((orphan) => orphan !== undefined));
  }
  return orphans;
}

/**
 * Asked in the order in which a build moves (outbox, queue, workflow of its own), so that one which moves on meanwhile
 * is met at its next place.
 */
async function inspectBuild(deps: OrphanDeps, build: OpenBuild): Promise<Orphan | undefined> {
  const { uuid: id, phase, namespace } = build;
  if (await isBuildOnItsWay(deps.dataSource, id)) return undefined;
  const queue = await stateOf(deps.client, `build-queue:${namespace}`);
  const workflow = await stateOf(deps.client, `build:${id}`);
  if (isAlive(workflow)) return undefined;
  // A build that waits has no workflow of its own yet.
  if (workflow === undefined && phase === 'waiting' && isAlive(queue)) return undefined;
  return { kind: 'build', id, namespace, reason: describeEnd('build', workflow) };
}

async function inspectDelivery(deps: OrphanDeps, id: string): Promise<Orphan | undefined> {
  if (await isDeliveryOnItsWay(deps.dataSource, id)) return undefined;
  const workflow = await stateOf(deps.client, `delivery:${id}`);
  if (isAlive(workflow)) return undefined;
  return { kind: 'delivery', id, namespace: null, reason: describeEnd('delivery', workflow) };
}

/** A scan that nobody started yet, or that an older version did, is left to the next push or re-index. */
async function inspectScan(deps: OrphanDeps, scan: QueuedScan): Promise<Orphan | undefined> {
  const id = `scan:${scan.repositoryId}:${scan.digest}:${deps.indexerState()}`;
  const workflow = await stateOf(deps.client, id);
  if (workflow === undefined || isAlive(workflow) || workflow === 'COMPLETED') return undefined;
  return {
    kind: 'scan',
    id: String(scan.manifestId),
    namespace: null,
    reason: describeEnd('scan', workflow),
  };
}

function isAlive(status: string | undefined): boolean {
  return status === 'RUNNING' || status === 'PAUSED';
}

/** The status of the newest run; undefined when Temporal knows none. */
async function stateOf(client: Client, workflowId: string): Promise<string | undefined> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function describeEnd(what: string, status: string | undefined): string {
  switch (status) {
    case undefined:
      return `the workflow of this ${what} has vanished`;
    case 'TERMINATED':
      return `the workflow of this ${what} was terminated by an operator`;
    case 'TIMED_OUT':
      return `the workflow of this ${what} ran out of time`;
    case 'CANCELLED':
      return `the workflow of this ${what} was cancelled by an operator`;
    case 'FAILED':
      return `the workflow of this ${what} failed`;
    default:
      return `the workflow of this ${what} ended (${status.toLowerCase()}) without a result`;
  }
}

async function freeSlot(client: Client, namespace: string, buildId: string): Promise<void> {
  try {
    await client.workflow.getHandle(`build-queue:${namespace}`).signal('buildFinished', { buildId });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
