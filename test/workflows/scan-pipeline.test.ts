import assert from 'node:assert/strict';

import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { IndexReportRow, ScanLayer } from '../../db/entities/scanning';
import { indexerState } from '../../scanner/indexer-state';
import { createOutboxDeliveries } from '../../workers/outbox-deliveries';
import { QUEUES } from '../../workflows/shared/queues';
import { distInfo } from '../scanner/layer-fixtures';
import { eventually } from '../support/eventually';
import type { LayerFiles } from '../support/layers';
import { buildLayer, layerOf } from '../support/layers';
import { withRelay } from '../support/outbox';
import type { PushedImage } from '../support/scan-bench';
import { ScanBench } from '../support/scan-bench';
import { runWithWorker } from '../support/temporal';

const TIMINGS = { scanRetryInitialMs: 20, scanPollMs: 50 };

/** From the outbox row of a push to the report: relay, server, workflow, activities, database and storage are real. */
describe('scans of what was pushed', function () {
  this.timeout(120_000);
  let bench: ScanBench;

  before(async () => {
    bench = await ScanBench.open();
  });
  after(() => bench.close());

  const layer = (files: LayerFiles) => buildLayer(files);
  const project = (name: string) => Object.fromEntries([distInfo(name, '1.0')]) as LayerFiles;

  async function tellOfPush({ repositoryId, manifestId, digest, repository }: PushedImage): Promise<void> {
    const [namespace = '', name = ''] = repository.split('/');
    await runAct(bench.deps, SYSTEM, (act) =>
      enqueue(act, {
        kind: 'manifest.pushed',
        orderingKey: `repository:${repositoryId}`,
        payload: { repositoryId, manifestId, namespace, repository: name, digest, tag: 'latest' },
      }),
    );
  }

  function running<T>(use: Parameters<typeof runWithWorker<T>>[1]): Promise<T> {
    const queues = { [QUEUES.scan]: bench.activities };
    return runWithWorker(
      { taskQueue: QUEUES.orchestration, activities: bench.activities, queues },
      (temporal) => {
        const deliver = createOutboxDeliveries({
          client: temporal.client,
          config: {
            BUILD_NAMESPACE_RUNNING_LIMIT: 1,
            FEATURE_SECURITY_SCANNER: true,
            WORKFLOW_TIMINGS: TIMINGS,
          },
          indexerState,
        });
        return withRelay(bench.dataSource, deliver, () => use(temporal));
      },
    );
  }

  const statuses = async () =>
    (await bench.dataSource.manager.find(IndexReportRow, { select: { id: true, status: true } })).map(
      (row) => row.status,
    );

  it('read the base of twenty images once, and say in Temporal what they are', async () => {
    const base = await layer({ 'etc/base': 'x'.repeat(200_000), ...project('base') });
    const images: PushedImage[] = [];
    for (let index = 0; index < 20; index += 1) {
      images.push(await bench.push([base, await layer(project(`own-${index}`))]));
    }
    await running(async ({ client }) => {
      await Promise.all(images.map(tellOfPush));
      await eventually(async () => {
        const scanned = (await statuses()).filter((status) => status === 'scanned');
        assert.equal(scanned.length, images.length);
      }, 90_000);
      const [image] = images;
      if (!image) throw new Error('nothing was pushed');
      const handle = client.workflow.getHandle(
        `scan:${image.repositoryId}:${image.digest}:${indexerState()}`,
      );
      assert.equal(await handle.result(), 'scanned');
      const { searchAttributes, type } = await handle.describe();
      assert.equal(type, 'scanManifest');
      assert.deepEqual(searchAttributes.Repository, [image.repository]);
      assert.deepEqual(searchAttributes.ImageDigest, [image.digest]);
    });
    const { storageKey } = await bench.storeBlob(base.bytes);
    assert.equal(bench.storage.reads.get(storageKey), 1);
    assert.equal(await bench.dataSource.manager.countBy(ScanLayer, {}), 21);
    for (const [index, image] of images.entries()) {
      assert.deepEqual(await bench.packages(image), ['base 1.0', `own-${index} 1.0`]);
    }
  });

  it('end as failed with the reason where a layer cannot be read, and the others go on', async () => {
    const broken = await bench.push([layerOf(Buffer.from('\x1f\x8b this is no gzip', 'latin1'))]);
    const whole = await bench.push([await layer(project('whole'))]);
    await running(async () => {
      await tellOfPush(broken);
      await tellOfPush(whole);
      await eventually(async () => {
        assert.equal((await bench.reportRow(broken)).status, 'failed');
        assert.equal((await bench.reportRow(whole)).status, 'scanned');
      }, 60_000);
    });
    assert.match((await bench.reportRow(broken)).error ?? '', /^layer sha256:[0-9a-f]{64} cannot be read: /);
  });
});
