import assert from 'node:assert/strict';
import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { ApplicationFailure } from '@temporalio/common';

import { MissingPart } from '../../../db/entities/content';
import { ScanLayer } from '../../../db/entities/scanning';
import { MANIFEST_TYPES } from '../../../model/media-types';
import { BOOKWORM, dpkgStatus, distInfo } from '../../scanner/layer-fixtures';
import type { LayerFiles } from '../../support/layers';
import { buildLayer, layerOf } from '../../support/layers';
import { ScanBench } from '../../support/scan-bench';

const SITE = 'usr/local/lib/python3.11/site-packages';

function python(...projects: [name: string, version: string][]): LayerFiles {
  return Object.fromEntries(projects.map(([name, version]) => distInfo(name, version))) as LayerFiles;
}

const DEBIAN: LayerFiles = {
  'etc/os-release': BOOKWORM,
  'var/lib/dpkg/info': { dir: true },
  'var/lib/dpkg/status': dpkgStatus(
    { name: 'libssl3', version: '3.0.11-1~deb12u1', source: 'openssl' },
    { name: 'bash', version: '5.2.15-2+b2', source: 'bash (5.2.15-2)' },
  ),
};

describe('scan activities', function () {
  this.timeout(60_000);
  let bench: ScanBench;

  before(async () => {
    bench = await ScanBench.open();
  });
  after(() => bench.close());

  it('put a report together from layers of every compression, and know which layer brought what', async () => {
    const upgraded = dpkgStatus(
      { name: 'libssl3', version: '3.0.11-1~deb12u2', source: 'openssl' },
      { name: 'bash', version: '5.2.15-2+b2', source: 'bash (5.2.15-2)' },
    );
    const layers = [
      await buildLayer({ ...DEBIAN, ...python(['requests', '2.19.1']) }),
      await buildLayer(
        { 'var/lib/dpkg/status': upgraded, ...python(['urllib3', '1.26.4'], ['py', '1.11.0']) },
        'zstd',
      ),
      await buildLayer({ [`${SITE}/.wh.requests-2.19.1.dist-info`]: '' }, 'none'),
    ];
    const image = await bench.push(layers);
    assert.equal(await bench.scan(image), 3);
    assert.deepEqual(await bench.packages(image), [
      'bash 5.2.15-2+b2',
      'libssl3 3.0.11-1~deb12u2',
      'py 1.11.0',
      'urllib3 1.26.4',
    ]);
    const report = await bench.report(image);
    const introduced = (name: string) => {
      const found = Object.values(report.packages).find((candidate) => candidate.name === name);
      return layers.findIndex(
        ({ digest }) => digest === report.environments[found?.id ?? '']?.[0]?.introduced_in,
      );
    };
    assert.deepEqual(['bash', 'libssl3', 'urllib3'].map(introduced), [0, 1, 1]);
    const { status, indexedAtMs, announcedAtMs } = await bench.reportRow(image);
    assert.equal(status, 'scanned');
    assert.ok(indexedAtMs !== null && announcedAtMs !== null);
  });

  it('hide what an opaque folder and a later file of the same path hide', async () => {
    const image = await bench.push([
      await buildLayer(python(['one', '1.0'], ['two', '1.0'])),
      await buildLayer({ [`${SITE}/.wh..wh..opq`]: '', ...python(['two', '2.0']) }),
    ]);
    await bench.scan(image);
    assert.deepEqual(await bench.packages(image), ['two 2.0']);
  });

  it('read a layer once, whichever manifest names it', async () => {
    const base = await buildLayer({ ...DEBIAN, 'etc/marker': 'shared' });
    const first = await bench.push([base]);
    const second = await bench.push([base, await buildLayer(python(['idna', '3.6']))]);
    const third = await bench.push([base]);
    assert.equal(await bench.scan(first), 1);
    assert.equal(await bench.scan(second), 1);
    assert.equal(await bench.scan(third), 0);
    const { storageKey } = await bench.storeBlob(base.bytes);
    assert.equal(bench.storage.reads.get(storageKey), 1);
    assert.equal(await bench.scan(first), 0, 'and a report of today is left as it is');
  });

  it('do not look into layers that were never pushed to the repository, whoever else has them', async () => {
    const layer = await buildLayer({ 'etc/marker': 'of somebody else' });
    const image = await bench.push([layer]);
    const { manager } = bench.dataSource;
    const part = { manifestId: image.manifestId, repositoryId: 1, digest: layer.digest, position: 1 };
    await manager.insert(MissingPart, part);
    const plan = () => bench.run((steps) => steps.planScan(image.manifestId), 'one');
    assert.deepEqual(await plan(), { outcome: 'unsupported' });
    assert.match((await bench.reportRow(image)).error ?? '', /not pushed to this repository/);
    await manager.delete(MissingPart, part);
    assert.deepEqual(await plan(), { outcome: 'index', layers: [layer.digest], busyLayers: 0 });
  });

  it('keep a layer to one reader until it is done or its lease has run out', async () => {
    const layer = await buildLayer({ 'etc/marker': 'leased' });
    const image = await bench.push([layer]);
    await bench.run((steps) => steps.planScan(image.manifestId), 'one');
    await bench.dataSource.manager.insert(ScanLayer, {
      ...{ layerDigest: layer.digest, indexerState: (await anyState()) ?? '', createdAtMs: 1 },
      ...{ leaseOwner: 'dead', leaseUntilMs: Date.now() + 60_000 },
    });
    const plan = await bench.run((steps) => steps.planScan(image.manifestId), 'one');
    assert.deepEqual(plan, { outcome: 'index', layers: [], busyLayers: 1 });
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest), 'one'), 'busy');
    assert.equal(await bench.run((steps) => steps.storeIndexReport(image.manifestId), 'one'), 'incomplete');
    await bench.dataSource.manager.update(
      ScanLayer,
      { layerDigest: layer.digest },
      { leaseUntilMs: Date.now() - 1 },
    );
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest), 'one'), 'indexed');
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest), 'two'), 'settled');
  });

  it('let the same scan take up its own layer at once after its worker died', async () => {
    const layer = await buildLayer({ 'etc/marker': 'taken up' });
    await bench.push([layer]);
    await bench.dataSource.manager.insert(ScanLayer, {
      ...{ layerDigest: layer.digest, indexerState: (await anyState()) ?? '', createdAtMs: 1 },
      ...{ leaseOwner: 'mine', leaseUntilMs: Date.now() + 60_000 },
    });
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest), 'mine'), 'indexed');
  });

  it('read a layer again whose result storage has lost', async () => {
    const layer = await buildLayer({ 'etc/marker': 'lost' });
    const image = await bench.push([layer]);
    await bench.run((steps) => steps.indexLayer(layer.digest));
    const row = await bench.dataSource.manager.findOneByOrFail(ScanLayer, { layerDigest: layer.digest });
    await bench.storage.deleteObject(row.resultKey ?? '');
    assert.equal(await bench.run((steps) => steps.storeIndexReport(image.manifestId)), 'incomplete');
    assert.equal(await bench.scan(image), 1);
    assert.equal((await bench.reportRow(image)).status, 'scanned');
  });

  it('have no report for an index, an artifact, a manifest without layers or with foreign ones', async () => {
    const chart = await buildLayer({ 'chart/Chart.yaml': 'name: x' });
    const child = await bench.push([await buildLayer({ 'etc/marker': 'child' })]);
    const index = await bench.pushManifest(MANIFEST_TYPES.ociIndex, {
      schemaVersion: 2,
      manifests: [{ mediaType: MANIFEST_TYPES.ociImage, digest: child.digest, size: 2 }],
    });
    const helm = await bench.push([chart], {
      configType: 'application/vnd.cncf.helm.config.v1+json',
      layerType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
    });
    const signature = await bench.push([chart], {
      layerType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    });
    const empty = await bench.push([]);
    const foreign = await bench.push([chart], {
      layerType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    });
    for (const image of [index, helm, signature, empty, foreign]) {
      assert.equal(await bench.scan(image), 0);
      const row = await bench.reportRow(image);
      assert.equal(row.status, 'unsupported');
      assert.equal(row.announcedAtMs, null);
    }
    assert.match((await bench.reportRow(helm)).error ?? '', /"application\/vnd\.cncf\.helm\.config/);
    assert.match((await bench.reportRow(foreign)).error ?? '', /not stored in this registry/);
  });

  it('refuse a layer over the limit, naming it', async () => {
    const layer = await buildLayer({ ...DEBIAN, 'etc/marker': 'large' });
    const image = await bench.push([layer]);
    const config = { SECURITY_SCANNER_MAX_LAYER_SIZE_BYTES: 100 };
    const limited = bench.newActivities({ config });
    const plan = await bench.run(() => limited.planScan(image.manifestId));
    assert.deepEqual(plan, { outcome: 'manifest_layer_too_large' });
    const { status, error } = await bench.reportRow(image);
    assert.equal(status, 'manifest_layer_too_large');
    assert.ok(error?.includes(layer.digest));
    assert.equal(await bench.scan(image), 1, 'and it is scanned once the limit allows it');
    assert.equal((await bench.reportRow(image)).status, 'scanned');
  });

  it('say that a manifest is gone that was deleted meanwhile', async () => {
    assert.deepEqual(await bench.run((steps) => steps.planScan(999_999)), { outcome: 'gone' });
    assert.equal(await bench.run((steps) => steps.storeIndexReport(999_999)), 'gone');
    assert.equal(await bench.run((steps) => steps.announceFindings(999_999)), 0);
  });

  describe('with a layer that nobody can read', () => {
    const whole = () => buildLayer({ ...DEBIAN, ...python(['requests', '2.19.1']) });
    const cases: [what: string, make: () => Promise<Buffer>, problem: RegExp][] = [
      [
        'a gzip cut in half',
        async () => (await whole()).bytes.subarray(0, (await whole()).bytes.length >> 1),
        /unexpected end of file/,
      ],
      ['a tar that ends early', async () => gzipSync(await cutTar()), /Unexpected end of data/],
      ['bytes that are no archive', () => Promise.resolve(Buffer.alloc(2048, 'x')), /[Ii]nvalid tar header/],
      ['bzip2', () => Promise.resolve(Buffer.from('BZh91AY&SY')), /bzip2 is not supported/],
    ];

    for (const [what, make, problem] of cases) {
      it(`fail at ${what}, once for all`, async () => {
        const layer = layerOf(await make());
        const image = await bench.push([layer]);
        await bench.run((steps) => steps.planScan(image.manifestId));
        await assert.rejects(
          bench.run((steps) => steps.indexLayer(layer.digest)),
          (error) => {
            assert.ok(error instanceof ApplicationFailure);
            assert.equal(error.nonRetryable, true);
            assert.ok(error.message.includes(layer.digest), error.message);
            assert.match(error.message, problem);
            return true;
          },
        );
        const plan = await bench.run((steps) => steps.planScan(image.manifestId));
        assert.deepEqual(plan, { outcome: 'failed' });
        const row = await bench.reportRow(image);
        assert.equal(row.status, 'failed');
        assert.match(row.error ?? '', problem);
      });
    }

    async function cutTar(): Promise<Buffer> {
      const { bytes } = await buildLayer({ 'etc/large': 'x'.repeat(5000) }, 'none');
      return bytes.subarray(0, 2048);
    }
  });

  it('refuse a zip bomb', async () => {
    const strict = bench.newActivities({ readLimits: { freeBytes: 1024 ** 2, expansionRatio: 20 } });
    const layer = await buildLayer({ 'zeros.bin': Buffer.alloc(8 * 1024 ** 2) });
    await bench.push([layer]);
    await assert.rejects(
      bench.run(() => strict.indexLayer(layer.digest)),
      /unpacks to more than 1048576 bytes/,
    );
  });

  it('give up a layer that takes too long, for another try', async () => {
    const hasty = bench.newActivities({ readLimits: { timeoutMs: 1 } });
    const layer = await buildLayer({ 'zeros.bin': Buffer.alloc(64 * 1024 ** 2) });
    await bench.push([layer]);
    await assert.rejects(
      bench.run(() => hasty.indexLayer(layer.digest)),
      /could not be read within 0 s/,
    );
    const row = await bench.dataSource.manager.findOneByOrFail(ScanLayer, { layerDigest: layer.digest });
    assert.deepEqual([row.error, row.leaseOwner], [null, null]);
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest)), 'indexed');
  });

  it('tell damage in storage from a bad push, and read the layer once it is mended', async () => {
    const layer = await buildLayer({ 'etc/marker': 'damaged', ...DEBIAN });
    const image = await bench.push([layer]);
    const { storageKey } = await bench.storeBlob(layer.bytes);
    const path = join(bench.storagePath, storageKey);
    await truncate(path, layer.bytes.length - 40);
    await appendFile(path, Buffer.alloc(40, 7));
    await bench.run((steps) => steps.planScan(image.manifestId));
    await assert.rejects(
      bench.run((steps) => steps.indexLayer(layer.digest)),
      (error) => {
        assert.ok(error instanceof Error && !(error instanceof ApplicationFailure));
        assert.ok(error.message.includes(`layer ${layer.digest} is damaged in storage`), error.message);
        return true;
      },
    );
    await writeFile(path, layer.bytes);
    assert.equal(await bench.run((steps) => steps.indexLayer(layer.digest)), 'indexed');
  });

  it('read a layer that is padded behind the end of its compression', async () => {
    const { bytes } = await buildLayer(python(['idna', '3.6']));
    const layer = layerOf(Buffer.concat([bytes, Buffer.alloc(700_000)]));
    const image = await bench.push([layer]);
    await bench.scan(image);
    assert.deepEqual(await bench.packages(image), ['idna 3.6']);
  });

  it('show what an older scan found when a newer one fails', async () => {
    const image = await bench.push([await buildLayer(python(['idna', '3.6']))]);
    await bench.scan(image);
    await bench.run((steps) => steps.failScan(image.manifestId, 'storage is away'));
    const { status, error, document } = await bench.reportRow(image);
    assert.deepEqual([status, error], ['scanned', 'storage is away']);
    assert.ok(document);
  });

  async function anyState(): Promise<string | undefined> {
    return (await bench.dataSource.manager.find(ScanLayer, { take: 1 }))[0]?.indexerState;
  }
});
