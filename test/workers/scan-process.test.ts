import assert from 'node:assert/strict';

import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { IndexReportRow } from '../../db/entities/scanning';
import { distInfo } from '../scanner/layer-fixtures';
import { eventually } from '../support/eventually';
import type { LayerFiles } from '../support/layers';
import { buildLayer } from '../support/layers';
import { mariadb } from '../support/mariadb';
import type { PushedImage } from '../support/scan-bench';
import { ScanBench } from '../support/scan-bench';
import type { OwnTemporal } from '../support/temporal';
import { ownTemporal } from '../support/temporal';
import type { PartProcess } from '../support/worker-process';
import { startPart } from '../support/worker-process';

const QUEUES = ['--queues', 'orchestration,scan,maintenance'];
const FAST = {
  scanRetryInitialMs: 50,
  scanPollMs: 100,
  scanHeartbeatMs: 3000,
  updateAdvisoriesEveryMs: 1000,
};

function advisory(id: string): string {
  return JSON.stringify({
    id,
    affected: [
      {
        package: { ecosystem: 'PyPI', name: 'thing' },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '9.0' }] }],
      },
    ],
  });
}

describe('a worker that serves scans', function () {
  this.timeout(180_000);
  const parts: PartProcess[] = [];
  let bench: ScanBench;
  let server: OwnTemporal;

  before(async () => {
    bench = await ScanBench.open();
    server = await ownTemporal();
    await bench.dropAdvisory('osv/PyPI/PYSEC-1.json', advisory('PYSEC-1'));
    await start('workers/relay-main.ts');
  });
  after(async () => {
    await Promise.all(parts.map((part) => part.stop('SIGKILL')));
    await server.dispose();
    await bench.close();
  });

  async function start(script: 'workers/main.ts' | 'workers/relay-main.ts', args: string[] = []) {
    const part = await startPart({
      script,
      args,
      databaseUrl: (await mariadb()).url(String(bench.dataSource.options.database)),
      temporalAddress: server.address,
      env: {
        WORKFLOW_TIMINGS: JSON.stringify(FAST),
        ADVISORIES_PATH: bench.advisories,
        DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({
          default: ['LocalStorage', { storage_path: bench.storagePath }],
        }),
      },
    });
    parts.push(part);
    return part;
  }

  /** With a rule that was there before. */
  async function push(version: string): Promise<{ image: PushedImage; rule: number }> {
    const files = Object.fromEntries([distInfo('thing', version)]) as LayerFiles;
    const image = await bench.push([await buildLayer(files)], { tags: ['latest'] });
    const rule = await bench.addRule(image);
    const { repositoryId, manifestId, digest, repository } = image;
    const [namespace = '', name = ''] = repository.split('/');
    await runAct(bench.deps, SYSTEM, (act) =>
      enqueue(act, {
        kind: 'manifest.pushed',
        orderingKey: `repository:${repositoryId}`,
        payload: { repositoryId, manifestId, namespace, repository: name, digest, tag: 'latest' },
      }),
    );
    return { image, rule };
  }

  async function announced(image: PushedImage): Promise<void> {
    await eventually(async () => {
      const { manifestId } = image;
      const row = await bench.dataSource.manager.findOneByOrFail(IndexReportRow, { manifestId });
      assert.equal(row.status, 'scanned');
      assert.notEqual(row.announcedAtMs, null);
    }, 90_000);
  }

  const ids = async (image: PushedImage) =>
    (await bench.findings(image)).map(({ advisoryId }) => advisoryId).sort();

  it('scans what is pushed, with an advisory that is dropped later in reports of before', async () => {
    const worker = await start('workers/main.ts', QUEUES);
    await worker.healthy();
    const { image, rule } = await push('1.0');
    await announced(image);
    assert.deepEqual(await ids(image), ['PYSEC-1']);
    assert.deepEqual(
      (await bench.payloads(rule)).map(({ tags, vulnerability }) => [tags, vulnerability.id]),
      [[['latest'], 'PYSEC-1']],
    );
    await bench.dropAdvisory('osv/PyPI/PYSEC-2.json', advisory('PYSEC-2'));
    await eventually(async () => assert.deepEqual(await ids(image), ['PYSEC-1', 'PYSEC-2']), 30_000);
    await worker.stop();
  });

  it('may be killed at any moment: another one ends the scans, and nothing is told twice', async () => {
    const worker = await start('workers/main.ts', QUEUES);
    await worker.healthy();
    const pushes: Awaited<ReturnType<typeof push>>[] = [];
    for (let index = 0; index < 10; index += 1) pushes.push(await push(`2.${index}`));
    await eventually(async () => assert.ok((await bench.dataSource.manager.countBy(IndexReportRow, {})) > 2));
    await worker.stop('SIGKILL');
    const other = await start('workers/main.ts', QUEUES);
    await other.healthy();
    for (const { image, rule } of pushes) {
      await announced(image);
      const told = (await bench.payloads(rule)).map(({ vulnerability }) => vulnerability.id);
      assert.deepEqual(told.sort(), ['PYSEC-1', 'PYSEC-2']);
    }
    assert.equal((await other.health()).status, 200);
    await other.stop();
  });
});
