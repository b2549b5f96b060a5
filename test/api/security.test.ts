import assert from 'node:assert/strict';

import type { Account } from '../../db/entities/accounts';
import { Repository } from '../../db/entities/repositories';
import { IndexReportRow } from '../../db/entities/scanning';
import { MANIFEST_TYPES } from '../../model/media-types';
import { distInfo } from '../scanner/layer-fixtures';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildUser } from '../support/factories';
import type { LayerFiles } from '../support/layers';
import { buildLayer } from '../support/layers';
import type { PushedImage } from '../support/scan-bench';
import { ScanBench } from '../support/scan-bench';

function advisory(id: string, fixedIn: string): string {
  return JSON.stringify({
    id,
    details: `about ${id}`,
    aliases: [`CVE-2099-${id.slice(-4)}`],
    references: [{ type: 'WEB', url: `https://osv.example/${id}` }],
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
    affected: [
      {
        package: { ecosystem: 'PyPI', name: 'thing' },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: fixedIn }] }],
      },
    ],
  });
}

describe('GET …/manifest/{digest}/security', function () {
  this.timeout(60_000);
  let bench: ScanBench;
  let api: TestApi;
  let image: PushedImage;
  let owner: Account;
  let token: string;

  before(async () => {
    bench = await ScanBench.open();
    await bench.dropAdvisory('osv/PyPI/PYSEC-2099-1001.json', advisory('PYSEC-2099-1001', '2.0'));
    api = await startApi({ deps: { dataSource: bench.dataSource } });
    ({ account: owner } = await buildUser(bench.dataSource));
    token = await api.tokenOf(owner);
  });
  after(async () => {
    await api.close();
    await bench.close();
  });
  beforeEach(async () => {
    const files = Object.fromEntries([distInfo('thing', '1.0'), distInfo('clean', '1.0')]) as LayerFiles;
    const home = await bench.newRepository(owner);
    image = await bench.push([await buildLayer(files)], { into: home });
  });

  const security = (query = '', digest = image.digest, as = token) =>
    api.call('GET', `/repository/${image.repository}/manifest/${digest}/security${query}`, { token: as });

  it('says that a manifest waits for its scan', async () => {
    assert.deepEqual((await security()).body, { status: 'queued', data: null });
    await bench.run((steps) => steps.planScan(image.manifestId));
    assert.deepEqual((await security()).body, { status: 'queued', data: null });
  });

  it("answers the findings in Quay's shape", async () => {
    await bench.scan(image);
    const { status, body } = await security('?vulnerabilities=true');
    assert.equal(status, 200);
    assert.equal(body.status, 'scanned');
    const { Features: features, ...layer } = body.data.Layer;
    assert.deepEqual(layer, { Name: image.digest, ParentName: '', NamespaceName: '', IndexedByVersion: 4 });
    const [clean, thing] = features;
    assert.deepEqual([clean.Name, clean.Vulnerabilities], ['clean', []]);
    assert.deepEqual(thing, {
      Name: 'thing',
      VersionFormat: '',
      NamespaceName: '',
      AddedBy: thing.AddedBy,
      Version: '1.0',
      BaseScores: [7.5],
      CVEIds: ['CVE-2099-1001'],
      Vulnerabilities: [
        {
          Severity: 'High',
          NamespaceName: 'osv/pypi',
          Link: 'https://osv.example/PYSEC-2099-1001',
          FixedBy: '2.0',
          Description: 'about PYSEC-2099-1001',
          Name: 'PYSEC-2099-1001',
          Metadata: {
            UpdatedBy: 'osv/pypi',
            RepoName: 'pypi',
            RepoLink: null,
            DistroName: null,
            DistroVersion: null,
            NVD: {
              CVSSv3: { Vectors: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H', Score: 7.5 },
            },
          },
        },
      ],
    });
    assert.match(thing.AddedBy, /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual((await security()).body, body, 'everything is shown unless told otherwise');
  });

  it('leaves the vulnerabilities out when asked to', async () => {
    await bench.scan(image);
    const { body } = await security('?vulnerabilities=false');
    for (const feature of body.data.Layer.Features) assert.deepEqual(feature.Vulnerabilities, []);
    assert.equal(body.data.Layer.Features.length, 2);
  });

  it('matches with the advisories of the moment, without a new scan', async () => {
    await bench.scan(image);
    await bench.dropAdvisory('osv/PyPI/PYSEC-2099-1002.json', advisory('PYSEC-2099-1002', '3.0'));
    await bench.run((steps) => steps.refreshAdvisories());
    const { body } = await security();
    const names = body.data.Layer.Features[1].Vulnerabilities.map(({ Name }: { Name: string }) => Name);
    assert.deepEqual(names, ['PYSEC-2099-1001', 'PYSEC-2099-1002']);
  });

  it('says what a scan came to that has no report, and why', async () => {
    const { manager } = bench.dataSource;
    const { manifestId } = image;
    for (const status of ['failed', 'unsupported', 'manifest_layer_too_large'] as const) {
      await manager.delete(IndexReportRow, { manifestId });
      await manager.insert(IndexReportRow, { manifestId, status, error: 'for a reason' });
      assert.deepEqual((await security()).body, { status, data: null, error: 'for a reason' });
    }
  });

  it('has none for an index, whose manifests have their own', async () => {
    const body = { schemaVersion: 2, manifests: [{ digest: image.digest }] };
    const index = await bench.pushManifest(MANIFEST_TYPES.ociIndex, body, { into: image });
    assert.deepEqual((await security('', index.digest)).body, { status: 'unsupported', data: null });
  });

  it('is 404 for a manifest that is not there, or was deleted, or is of another repository', async () => {
    assert.equal((await security('', `sha256:${'0'.repeat(64)}`)).status, 404);
    assert.equal((await security('', 'nonsense')).status, 404);
    const elsewhere = await bench.push([await buildLayer({ 'etc/x': '' })]);
    assert.equal((await security('', elsewhere.digest)).status, 404);
    await bench.dataSource.manager.query('UPDATE manifest SET deleted_at_ms = 1 WHERE id = ?', [
      image.manifestId,
    ]);
    assert.equal((await security()).status, 404);
  });

  it('is refused to strangers and open to all for a public repository', async () => {
    const path = `/repository/${image.repository}/manifest/${image.digest}/security`;
    assert.equal((await api.call('GET', path)).status, 401);
    const { account: stranger } = await buildUser(bench.dataSource);
    assert.equal((await security('', image.digest, await api.tokenOf(stranger))).status, 403);
    assert.equal((await security('', image.digest, await api.tokenOf(owner, ['user:read']))).status, 403);
    await bench.dataSource.manager.update(Repository, image.repositoryId, { visibility: 'public' });
    assert.equal((await api.call('GET', path)).status, 200);
  });

  it('is not there while the scanner is switched off', async () => {
    const without = await startApi({
      deps: { dataSource: bench.dataSource },
      config: { FEATURE_SECURITY_SCANNER: false },
    });
    try {
      const path = `/repository/${image.repository}/manifest/${image.digest}/security`;
      assert.equal((await without.call('GET', path, { token })).status, 404);
    } finally {
      await without.close();
    }
  });
});
