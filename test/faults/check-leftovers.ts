import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';

import type { EntityManager } from 'typeorm';

import { outboxState } from '../../db/stores/outbox';
import { docker } from '../support/docker';
import { eventually } from '../support/eventually';
import type { Findings } from './findings';
import type { Installation } from './installation';

/** Sweeps and reapers come by every half minute, and leave alone what has just ended. */
const SWEPT_MS = 90_000;

/** Nothing of dead work is left: on the build host, in the engine, in the database, in Temporal. */
export async function checkLeftovers(installation: Installation, findings: Findings): Promise<void> {
  const checks: [string, (installation: Installation) => Promise<void>][] = [
    ['build host', checkHost],
    ['engine', checkEngine],
    ['outbox', checkOutbox],
    ['credentials and leases', checkRows],
    ['Temporal', checkTemporal],
  ];
  await Promise.all(
    checks.map(([name, check]) =>
      findings.attempt(name, () => eventually(() => check(installation), SWEPT_MS, 500)),
    ),
  );
}

async function checkHost({ made }: Installation): Promise<void> {
  assert.deepEqual(readdirSync(made.config.BUILD_WORK_DIR), [], 'work directories');
  return Promise.resolve();
}

async function checkEngine({ made }: Installation): Promise<void> {
  const engine = await docker(made.config.DOCKER_HOST);
  const filters = JSON.stringify({ label: ['slipway.build'] });
  const containers = await engine.listContainers({ all: true });
  assert.deepEqual(
    containers.map(({ Image, State }) => `${Image} ${State}`),
    [],
    'containers',
  );
  const images = await engine.listImages({ all: true, filters });
  assert.deepEqual(
    images.map(({ Id, RepoTags, Labels }) => ({ Id, RepoTags, Labels })),
    [],
    'images of builds',
  );
}

async function checkOutbox({ made }: Installation): Promise<void> {
  const { waiting, parked } = await outboxState(made.dataSource);
  assert.deepEqual({ waiting, parked }, { waiting: 0, parked: 0 });
}

async function checkRows({ made }: Installation): Promise<void> {
  const { manager } = made.dataSource;
  const found = {
    'live tokens of builds': await count(
      manager,
      `repository_token WHERE kind = 'build' AND revoked_at_ms IS NULL`,
    ),
    'claimed outbox rows': await count(manager, 'outbox WHERE claimed_until_ms IS NOT NULL'),
    'leases of layers': await count(manager, 'scan_layer WHERE lease_owner IS NOT NULL'),
    'leases of uploads': await count(manager, `upload WHERE lease_until_ms > ${Date.now()}`),
    'scans under way': await count(manager, `index_report WHERE status = 'queued'`),
    'failed scans': await count(manager, `index_report WHERE status = 'failed'`),
  };
  assert.deepEqual(found, Object.fromEntries(Object.keys(found).map((name) => [name, 0])));
}

async function count(manager: EntityManager, what: string): Promise<number> {
  const [row] = await manager.query<[{ found: string }]>(`SELECT COUNT(*) AS found FROM ${what}`);
  return Number(row.found);
}

/** Builds, scans and deliveries have ended; a queue may wait for more, and then holds nothing. */
async function checkTemporal({ made }: Installation): Promise<void> {
  const { client } = made.temporal;
  const open: string[] = [];
  for await (const { workflowId, type } of client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
    if (type !== 'buildQueue') {
      // Schedules come and go.
      if (['buildImage', 'deliverNotification', 'scanManifest'].includes(type)) open.push(workflowId);
      continue;
    }
    const held = await client.workflow.getHandle(workflowId).query<string[]>('heldBuilds');
    open.push(...held.map((build) => `slot of ${build}`));
  }
  assert.deepEqual(open, [], 'open workflows');
}
