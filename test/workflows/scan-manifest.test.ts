import assert from 'node:assert/strict';

import { ApplicationFailure } from '@temporalio/common';

import type { ScanActivities, ScanPlan, ScanPlanActivities } from '../../activities/scan/activities';
import { LAYER_UNREADABLE } from '../../workflows/shared/failure-types';
import { QUEUES } from '../../workflows/shared/queues';
import { scanManifest } from '../../workflows/scan-manifest';
import { Gate } from '../support/gate';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

const TIMINGS = { scanRetryInitialMs: 20, scanPollMs: 20 };
const INPUT = {
  repositoryId: 1,
  manifestId: 2,
  repository: 'acme/app',
  digest: `sha256:${'ab'.repeat(32)}`,
  timings: TIMINGS,
};
const DONE: ScanPlan = { outcome: 'index', layers: [], busyLayers: 0 };

/** Answers of `planScan` one after the other; the last one stays. */
function plans(...answers: ScanPlan[]): ScanPlanActivities['planScan'] {
  return () => Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? DONE);
}

function toIndex(...layers: string[]): ScanPlan {
  return { outcome: 'index', layers, busyLayers: 0 };
}

describe('scanManifest', function () {
  this.timeout(60_000);

  const unexpected = () => Promise.reject(ApplicationFailure.nonRetryable('this step was not asked for'));

  async function scan(scenario: string, activities: Partial<ScanPlanActivities & ScanActivities>) {
    const steps: string[] = [];
    const noted = (name: string, step: (...args: never[]) => Promise<unknown>) =>
      [name, (...args: never[]) => (steps.push([name, ...args].join(' ')), step(...args))] as const;
    const all = {
      planScan: plans(DONE),
      indexLayer: () => Promise.resolve('indexed'),
      storeIndexReport: () => Promise.resolve('stored'),
      announceFindings: () => Promise.resolve(0),
      failScan: unexpected,
      refreshAdvisories: () => Promise.resolve([]),
      ...activities,
    };
    const hosted = Object.fromEntries(Object.entries(all).map(([name, step]) => noted(name, step)));
    const taskQueue = queueName('scan');
    const outcome = await runWithWorker(
      { taskQueue, activities: { planScan: hosted.planScan }, queues: { [QUEUES.scan]: hosted } },
      async ({ client }) => {
        const handle = await client.workflow.start(scanManifest, {
          workflowId: taskQueue,
          taskQueue,
          args: [INPUT],
        });
        const result = await handle.result();
        await recordHistory(handle, `scan-manifest.${scenario}`);
        return result;
      },
    );
    return { outcome, steps: steps.filter((step) => !step.startsWith('refresh')) };
  }

  it('reads the layers that are missing, stores the report and tells what it found', async () => {
    const { outcome, steps } = await scan('scanned', {
      planScan: plans(toIndex('sha256:a', 'sha256:b'), DONE),
    });
    assert.equal(outcome, 'scanned');
    // The layers are read side by side, in any order.
    assert.deepEqual(steps.slice(1, 3).sort(), ['indexLayer sha256:a', 'indexLayer sha256:b']);
    assert.deepEqual(
      [steps[0], ...steps.slice(3)],
      ['planScan 2', 'planScan 2', 'storeIndexReport 2', 'announceFindings 2'],
    );
  });

  it('reads no more than four layers at the same time', async () => {
    const gate = new Gate();
    let running = 0;
    let most = 0;
    const layers = Array.from({ length: 12 }, (_, index) => `sha256:${index}`);
    const { outcome } = await scan('many-layers', {
      planScan: plans(toIndex(...layers), DONE),
      async indexLayer() {
        running += 1;
        most = Math.max(most, running);
        if (running === 4) gate.open();
        await gate.opened;
        running -= 1;
        return 'indexed';
      },
    });
    assert.equal(outcome, 'scanned');
    assert.equal(most, 4);
  });

  it('reads nothing of a manifest whose report is of today', async () => {
    const { outcome, steps } = await scan('current', { planScan: plans({ outcome: 'current' }) });
    assert.equal(outcome, 'scanned');
    assert.deepEqual(steps, ['planScan 2', 'announceFindings 2']);
  });

  for (const refusal of ['unsupported', 'manifest_layer_too_large', 'failed', 'gone'] as const) {
    it(`ends where the plan says ${refusal}`, async () => {
      const { outcome, steps } = await scan(refusal.replaceAll('_', '-'), {
        planScan: plans({ outcome: refusal }),
      });
      assert.equal(outcome, refusal);
      assert.deepEqual(steps, ['planScan 2']);
    });
  }

  it('waits for layers that another scan reads, without reading them', async () => {
    const busy: ScanPlan = { outcome: 'index', layers: [], busyLayers: 1 };
    const { outcome, steps } = await scan('waited', { planScan: plans(busy, busy, busy, DONE) });
    assert.equal(outcome, 'scanned');
    assert.deepEqual(steps.filter((step) => step.startsWith('planScan')).length, 4);
    assert.ok(!steps.some((step) => step.startsWith('indexLayer')));
  });

  it('plans anew when the result of a layer was lost', async () => {
    const answers = ['incomplete', 'stored'] as const;
    let asked = 0;
    const { outcome, steps } = await scan('incomplete', {
      planScan: plans(DONE, toIndex('sha256:a'), DONE),
      storeIndexReport: () => Promise.resolve(answers[asked++] ?? 'stored'),
    });
    assert.equal(outcome, 'scanned');
    assert.ok(steps.includes('indexLayer sha256:a'));
    assert.equal(asked, 2);
  });

  it('ends when the manifest was deleted meanwhile', async () => {
    const { outcome, steps } = await scan('deleted', { storeIndexReport: () => Promise.resolve('gone') });
    assert.equal(outcome, 'gone');
    assert.ok(!steps.includes('announceFindings 2'));
  });

  it('tries again what may pass', async () => {
    let tries = 0;
    const { outcome } = await scan('retried', {
      planScan: plans(toIndex('sha256:a'), DONE),
      indexLayer: () => {
        tries += 1;
        return tries < 3 ? Promise.reject(new Error('storage is away')) : Promise.resolve('indexed');
      },
    });
    assert.equal(outcome, 'scanned');
    assert.equal(tries, 3);
  });

  it('fails at a layer that nobody can read, at once and with the reason', async () => {
    let tries = 0;
    const reasons: string[] = [];
    const { outcome } = await scan('unreadable', {
      planScan: plans(toIndex('sha256:a')),
      indexLayer: () => {
        tries += 1;
        throw ApplicationFailure.nonRetryable('layer sha256:a cannot be read', LAYER_UNREADABLE);
      },
      failScan: (_id, reason) => Promise.resolve(void reasons.push(reason)),
    });
    assert.equal(outcome, 'failed');
    assert.equal(tries, 1);
    assert.deepEqual(reasons, ['layer sha256:a cannot be read']);
  });

  it('fails after five tries, naming the last error', async () => {
    let tries = 0;
    const reasons: string[] = [];
    const { outcome } = await scan('exhausted', {
      planScan: plans(toIndex('sha256:a')),
      indexLayer: () => {
        tries += 1;
        return Promise.reject(new Error('layer sha256:a is damaged in storage'));
      },
      failScan: (_id, reason) => Promise.resolve(void reasons.push(reason)),
    });
    assert.equal(outcome, 'failed');
    assert.equal(tries, 5);
    assert.deepEqual(reasons, ['layer sha256:a is damaged in storage']);
  });

  it('scans with the advisories of before when the folder cannot be looked at', async () => {
    const { outcome } = await scan('without-refresh', {
      refreshAdvisories: () => Promise.reject(ApplicationFailure.nonRetryable('the disk is gone')),
    });
    assert.equal(outcome, 'scanned');
  });

  it('stores no report before new advisories are in', async () => {
    const gate = new Gate();
    let refreshed = false;
    let stored = false;
    await scan('slow-refresh', {
      planScan: plans(toIndex('sha256:a'), DONE),
      indexLayer: () => (gate.open(), Promise.resolve('indexed' as const)),
      async refreshAdvisories() {
        await gate.opened;
        refreshed = true;
        return [];
      },
      storeIndexReport: () => {
        stored = refreshed;
        return Promise.resolve('stored');
      },
    });
    assert.ok(stored);
  });
});
