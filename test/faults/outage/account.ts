import { setTimeout as delay } from 'node:timers/promises';

import { In, IsNull, Not } from 'typeorm';

import { Build } from '../../../db/entities/builds';
import { Manifest } from '../../../db/entities/content';
import { Delivery } from '../../../db/entities/notifications';
import { OutboxRow } from '../../../db/entities/outbox';
import { IndexReportRow } from '../../../db/entities/scanning';
import { FINAL_PHASES } from '../../../model/phases';
import type { Scene } from './scene';

export interface Account {
  pushes: number;
  builds: number;
  deliveries: number;
  /** One line for whatever was lost, done twice, or done in the wrong order; empty when all is well. */
  wrong: string[];
}

/** What is still on its way, in a sentence; undefined when everything has been processed. */
export async function whatIsLeft(scene: Scene): Promise<string | undefined> {
  const { manager } = scene.made.dataSource;
  const { repositoryId, ruleId, orderingKey } = ofScene(scene);
  const manifests = await manager.find(Manifest, { select: { id: true }, where: { repositoryId } });
  const manifestId = In(manifests.map(({ id }) => id));
  const left = {
    'outbox rows': await manager.countBy(OutboxRow, { orderingKey, deliveredAtMs: IsNull() }),
    messages: await manager.countBy(Delivery, { ruleId, status: 'pending' }),
    builds: await manager.countBy(Build, { repositoryId, phase: Not(In(FINAL_PHASES)) }),
    scans:
      manifests.length -
      (await manager.countBy(IndexReportRow, { manifestId, announcedAtMs: Not(IsNull()) })),
  };
  const lines = Object.entries(left).filter(([, count]) => count > 0);
  return lines.length === 0 ? undefined : lines.map(([what, count]) => `${count} ${what}`).join(', ');
}

/**
 * Holds what receivers, Temporal and the database know against each other, once everything has been processed; again for a
 * minute while something is wrong, because a workflow closes a moment after its record. `stoppedAtMs` is when Temporal went.
 */
export async function takeAccount(scene: Scene, stoppedAtMs: number): Promise<Account> {
  const end = Date.now() + 60_000;
  for (;;) {
    const account = await accountNow(scene, stoppedAtMs);
    if (account.wrong.length === 0 || Date.now() > end) return account;
    await delay(500);
  }
}

async function accountNow(scene: Scene, stoppedAtMs: number): Promise<Account> {
  const { manager } = scene.made.dataSource;
  const { repositoryId, ruleId, orderingKey } = ofScene(scene);
  const deliveries = await manager.findBy(Delivery, { ruleId });
  const builds = await manager.findBy(Build, { repositoryId });
  const manifests = await manager.findBy(Manifest, { repositoryId });
  const rows = await manager.find(OutboxRow, { where: { orderingKey }, order: { id: 'ASC' } });
  const wrong = [
    ...wrongMessages(scene, deliveries),
    ...wrongOrder(rows),
    ...deliveries
      .filter(({ status }) => status !== 'delivered')
      .map(({ uuid, event, status }) => `${event} ${uuid} is ${status}`),
    ...builds
      .filter(({ phase, attempt, createdAtMs }) => {
        // One that ran when Temporal went has lost its worker, and begins again.
        const mostAttempts = createdAtMs < stoppedAtMs ? 2 : 1;
        return phase !== 'error' || attempt > mostAttempts;
      })
      .map((build) => `build ${build.uuid} ended as ${build.phase} after ${build.attempt} attempts`),
    ...(await wrongWorkflows(scene, [
      ...deliveries.map(({ uuid }) => `delivery:${uuid}`),
      ...builds.map(({ uuid }) => `build:${uuid}`),
      ...manifests.map((manifest) => `scan:${manifest.repositoryId}:${manifest.digest}`),
    ])),
  ];
  return { pushes: manifests.length, builds: builds.length, deliveries: deliveries.length, wrong };
}

function ofScene({ sites }: Scene) {
  return {
    repositoryId: In(sites.map((site) => site.repositoryId)),
    ruleId: In(sites.flatMap((site) => site.ruleIds)),
    orderingKey: In(sites.map((site) => `repository:${site.repositoryId}`)),
  };
}

function wrongMessages({ receiver }: Scene, deliveries: Delivery[]): string[] {
  const counts = new Map<string, number>();
  for (const { headers } of receiver.received) {
    const id = String(headers['x-slipway-delivery']);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const wrong: string[] = [];
  for (const { uuid, event } of deliveries) {
    const count = counts.get(uuid) ?? 0;
    if (count !== 1) wrong.push(`${event} ${uuid} was received ${count} times`);
    counts.delete(uuid);
  }
  return [...wrong, ...[...counts.keys()].map((id) => `${id} was received and is nobody's`)];
}

/** Within a repository the rows are relayed in the order of their commits. */
function wrongOrder(rows: OutboxRow[]): string[] {
  const latest = new Map<string, number>();
  const wrong: string[] = [];
  for (const { id, orderingKey, deliveredAtMs } of rows) {
    const before = latest.get(orderingKey) ?? 0;
    if (deliveredAtMs === null || deliveredAtMs < before) {
      wrong.push(`row ${id} of ${orderingKey} came too early`);
    }
    latest.set(orderingKey, deliveredAtMs ?? before);
  }
  return wrong;
}

/** Each of these was run exactly once. */
async function wrongWorkflows({ made }: Scene, expected: string[]): Promise<string[]> {
  const runs = new Map(expected.map((id) => [id, 0]));
  const wrong: string[] = [];
  for await (const { workflowId, status } of made.temporal.client.workflow.list()) {
    // A scan's id ends with the state of the indexers.
    const id = workflowId.replace(/^(scan:\d+:sha256:[0-9a-f]+):.*$/, '$1');
    const count = runs.get(id);
    if (count === undefined) continue;
    runs.set(id, count + 1);
    if (status.name !== 'COMPLETED') wrong.push(`workflow ${workflowId} is ${status.name}`);
  }
  for (const [id, count] of runs) if (count !== 1) wrong.push(`workflow ${id} was run ${count} times`);
  return wrong;
}
