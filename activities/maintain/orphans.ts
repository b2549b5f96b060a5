import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';

import type { BuildDeps } from '../../commands/builds/build-deps';
import { markBuildLost } from '../../commands/builds/finish-build';
import { giveUpDelivery, repeatDelivery } from '../../commands/notifications/deliveries';
import { askForScanAgain } from '../../commands/scans/ask-for-scan-again';
import { failLostScan } from '../../commands/scans/fail-lost-scan';
import { scanKey } from '../../commands/scans/scan-key';
import type { OpenBuild, QueuedScan } from '../../db/stores/open-work';
import {
  findOpenBuilds,
  findPendingDeliveries,
  findQueuedScans,
  isBuildOnItsWay,
  isDeliveryOnItsWay,
  isScanOnItsWay,
} from '../../db/stores/open-work';

export interface Orphan {
  kind: 'build' | 'delivery' | 'scan';
  /** Uuid of the build or delivery, id of the scanned manifest. */
  id: string;
  /** Of a build: whose queue holds a slot for it. */
  namespace: string | null;
  /** What a person reads in the record. */
  reason: string;
  /** Temporal never heard of it, as after a restore: it is done again where that is possible. */
  isUnknown?: boolean;
}

export interface OrphanDeps extends BuildDeps {
  client: Client;
  indexerState: () => string;
  /** Scans that Temporal does not know are asked for again; false where nothing is scanned. */
  isScanning?: boolean;
  /** How long a build queue may take to answer; 2 s by default. */
  queryMs?: number;
}

export interface OrphanActivities {
  /** Rows that say "under way" although no workflow is there that could end them. */
  findOrphans(): Promise<Orphan[]>;
  /** May be repeated: what has ended in the meantime is left alone. */
  settleOrphan(orphan: Orphan): Promise<void>;
}

/** Time in which a row and its workflow may not know of each other yet. */
const GRACE_MS = 15_000;
const QUERY_MS = 2000;
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
        ...(await findLostBuilds(deps, builds)),
        ...(await inspect(deliveries, (uuid) => inspectDelivery(deps, uuid))),
        ...(await inspect(scans, (scan) => inspectScan(deps, scan))),
      ];
    },

    async settleOrphan({ kind, id, namespace, reason, isUnknown = false }) {
      switch (kind) {
        case 'build':
          await markBuildLost(deps, id, reason);
          // Also when the row had ended: the queue may not have heard of it.
          if (namespace !== null) await freeSlot(deps.client, namespace, id);
          return;
        case 'delivery':
          if (isUnknown && (await repeatDelivery(deps, id))) return;
          return giveUpDelivery(deps, id, reason);
        case 'scan':
          if (isUnknown) return askForScanAgain(deps, Number(id));
          return failLostScan(deps, Number(id), reason);
        default:
          kind satisfies never;
      }
    },
  };
}

/** Looks at a few at a time and keeps what was found. */
async function inspect<T, R>(items: T[], look: (item: T) => Promise<R | undefined>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const found = await Promise.all(items.slice(start, start + AT_ONCE).map(look));
    results.push(...found.filter((result) => result !== undefined));
  }
  return results;
}

/**
 * Asked in the order in which a build moves (outbox, queue, workflow of its own), all of them at each place before the
 * next: one that moves on meanwhile is met where it went.
 */
async function findLostBuilds(deps: OrphanDeps, open: OpenBuild[]): Promise<Orphan[]> {
  const told: OpenBuild[] = [];
  for (const build of open) if (!(await isBuildOnItsWay(deps.dataSource, build))) told.push(build);
  const waiting = told.filter((build) => build.phase === 'waiting');
  const namespaces = [...new Set(waiting.map((build) => build.namespace))];
  const queues = await inspect(namespaces, (namespace) => askQueue(deps, namespace));
  const held = new Map(queues.map(({ namespace, holds }) => [namespace, holds]));
  return inspect(told, (build) =>
    inspectBuild(deps, build, held.get(build.namespace)?.(build.uuid) ?? false),
  );
}

async function inspectBuild(
  { client }: OrphanDeps,
  { uuid: id, phase, namespace }: OpenBuild,
  isHeld: boolean,
): Promise<Orphan | undefined> {
  const workflow = await stateOf(client, `build:${id}`);
  if (isAlive(workflow)) return undefined;
  if (workflow !== undefined || phase !== 'waiting') {
    return { kind: 'build', id, namespace, reason: describeEnd('build', workflow) };
  }
  // A build that waits has no workflow of its own yet.
  if (isHeld) return undefined;
  return { kind: 'build', id, namespace, reason: 'the queue that held this build has ended without it' };
}

interface QueueAnswer {
  namespace: string;
  holds: (buildId: string) => boolean;
}

/** A queue that began after another was terminated does not hold the builds of that one. */
async function askQueue({ client, queryMs = QUERY_MS }: OrphanDeps, namespace: string): Promise<QueueAnswer> {
  const handle = client.workflow.getHandle(`build-queue:${namespace}`);
  if (!isAlive(await stateOf(client, handle.workflowId))) return { namespace, holds: () => false };
  try {
    const held = await client.withDeadline(Date.now() + queryMs, () => handle.query<string[]>('heldBuilds'));
    return { namespace, holds: (buildId) => held.includes(buildId) };
  } catch {
    // It cannot answer now; whether it holds a build is seen another time.
    return { namespace, holds: () => true };
  }
}

async function inspectDelivery(deps: OrphanDeps, id: string): Promise<Orphan | undefined> {
  if (await isDeliveryOnItsWay(deps.dataSource, id)) return undefined;
  const workflow = await stateOf(deps.client, `delivery:${id}`);
  if (isAlive(workflow)) return undefined;
  const isUnknown = workflow === undefined;
  return { kind: 'delivery', id, namespace: null, reason: describeEnd('delivery', workflow), isUnknown };
}

/** A scan that was begun and that Temporal does not know is asked for again, one whose workflow ended badly has failed. */
async function inspectScan(deps: OrphanDeps, scan: QueuedScan): Promise<Orphan | undefined> {
  const id = `scan:${scan.repositoryId}:${scan.digest}:${deps.indexerState()}`;
  const workflow = await stateOf(deps.client, id);
  if (isAlive(workflow) || workflow === 'COMPLETED') return undefined;
  const isUnknown = workflow === undefined;
  if (
    isUnknown &&
    (!deps.isScanning || (await isScanOnItsWay(deps.dataSource, scanKey(scan.repositoryId, scan.digest))))
  ) {
    return undefined;
  }
  return {
    kind: 'scan',
    id: String(scan.manifestId),
    namespace: null,
    reason: describeEnd('scan', workflow),
    isUnknown,
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
