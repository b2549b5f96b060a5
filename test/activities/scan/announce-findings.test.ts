import assert from 'node:assert/strict';

import { Delivery } from '../../../db/entities/notifications';
import { OutboxRow } from '../../../db/entities/outbox';
import { MANIFEST_TYPES } from '../../../model/media-types';
import { distInfo } from '../../scanner/layer-fixtures';
import type { LayerFiles } from '../../support/layers';
import { buildLayer } from '../../support/layers';
import { ScanBench } from '../../support/scan-bench';
import { ManifestChild } from '../../../db/entities/content';

const VECTORS = {
  High: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H',
  Medium: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N',
  Critical: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
};

function record(id: string, level: keyof typeof VECTORS | 'Unknown', name = 'thing'): string {
  return JSON.stringify({
    ...{ id, details: `about ${id}`, references: [{ type: 'WEB', url: `https://osv.example/${id}` }] },
    severity: level === 'Unknown' ? [] : [{ type: 'CVSS_V3', score: VECTORS[level] }],
    affected: [
      {
        package: { ecosystem: 'PyPI', name },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '2.0' }] }],
      },
    ],
  });
}

describe('announcing findings', function () {
  this.timeout(60_000);
  let bench: ScanBench;

  before(async () => {
    bench = await ScanBench.open();
    for (const level of ['Medium', 'Unknown', 'Critical', 'High'] as const) {
      await bench.dropAdvisory(`osv/PyPI/PYSEC-${level}.json`, record(`PYSEC-${level}`, level));
    }
    for (let index = 0; index < 120; index += 1) {
      const id = `PYSEC-MANY-${index}`;
      await bench.dropAdvisory(`osv/PyPI/${id}.json`, record(id, index === 7 ? 'High' : 'Medium', 'many'));
    }
  });
  after(() => bench.close());

  const image = (project: string, options: Parameters<ScanBench['push']>[1] = {}) => {
    const files: LayerFiles = Object.fromEntries([distInfo(project, '1.0')]) as LayerFiles;
    return buildLayer(files).then((layer) => bench.push([layer], options));
  };
  const idsOf = async (rule: number) =>
    (await bench.payloads(rule)).map(({ vulnerability }) => vulnerability.id);

  it('tells each rule of the findings at its level and above, the most severe first', async () => {
    const pushed = await image('thing', { tags: ['latest', 'v1'] });
    const all = await bench.addRule(pushed);
    const high = await bench.addRule(pushed, { level: 1 });
    const critical = await bench.addRule(pushed, { level: '0' });
    await bench.scan(pushed);
    assert.deepEqual(await idsOf(all), ['PYSEC-Critical', 'PYSEC-High', 'PYSEC-Medium', 'PYSEC-Unknown']);
    assert.deepEqual(await idsOf(high), ['PYSEC-Critical', 'PYSEC-High']);
    assert.deepEqual(await idsOf(critical), ['PYSEC-Critical']);
    const [namespace = '', name = ''] = pushed.repository.split('/');
    assert.deepEqual((await bench.payloads(critical))[0], {
      repository: pushed.repository,
      namespace,
      name,
      docker_url: `reg.example/${pushed.repository}`,
      homepage: `https://reg.example/repository/${pushed.repository}`,
      tags: ['latest', 'v1'],
      vulnerability: {
        id: 'PYSEC-Critical',
        description: 'about PYSEC-Critical',
        link: 'https://osv.example/PYSEC-Critical',
        priority: 'Critical',
        has_fix: true,
      },
      vulnerable_index_report_created: 'true',
    });
    const owed = await bench.dataSource.manager.findBy(Delivery, { ruleId: high });
    for (const { uuid, status } of owed) {
      assert.equal(status, 'pending');
      const outbox = await bench.dataSource.manager.findOneByOrFail(OutboxRow, { eventId: uuid });
      assert.equal(outbox.kind, 'delivery.created');
    }
  });

  it('tells it once for each manifest and repository, however often the scan is repeated', async () => {
    const pushed = await image('thing');
    const rule = await bench.addRule(pushed);
    await bench.scan(pushed);
    await Promise.all([bench.scan(pushed), bench.scan(pushed)]);
    assert.equal((await bench.payloads(rule)).length, 4);
    const elsewhere = await image('thing');
    const otherRule = await bench.addRule(elsewhere);
    await bench.scan(elsewhere);
    assert.equal((await bench.payloads(otherRule)).length, 4);
  });

  it('lets one of several at the same moment tell it', async () => {
    const pushed = await image('thing');
    const rule = await bench.addRule(pushed);
    await bench.run((steps) => steps.refreshAdvisories());
    await bench.run((steps) => steps.planScan(pushed.manifestId));
    await bench.run((steps) => steps.storeIndexReport(pushed.manifestId));
    await Promise.all(
      ['a', 'b', 'c'].map((run) => bench.run((steps) => steps.announceFindings(pushed.manifestId), run)),
    );
    assert.equal((await bench.payloads(rule)).length, 4);
  });

  it('stops at a hundred and says in the last how many more there are', async () => {
    const pushed = await image('many');
    const all = await bench.addRule(pushed);
    const high = await bench.addRule(pushed, { level: 1 });
    await bench.scan(pushed);
    const payloads = await bench.payloads(all);
    assert.equal(payloads.length, 100);
    assert.equal(payloads[0]?.vulnerability.id, 'PYSEC-MANY-7');
    assert.equal(payloads[98]?.omitted_vulnerabilities, undefined);
    assert.equal(payloads[99]?.omitted_vulnerabilities, 20);
    assert.deepEqual(await idsOf(high), ['PYSEC-MANY-7']);
  });

  it('names the digest where there is no tag, and the tags of an index that holds the manifest', async () => {
    const bare = await image('thing');
    const bareRule = await bench.addRule(bare);
    await bench.scan(bare);
    assert.deepEqual((await bench.payloads(bareRule))[0]?.tags, [bare.digest]);

    const child = await image('thing');
    const index = await bench.pushManifest(
      MANIFEST_TYPES.ociIndex,
      { schemaVersion: 2, manifests: [] },
      { into: child, tags: ['multi'] },
    );
    await bench.dataSource.manager.insert(ManifestChild, {
      parentId: index.manifestId,
      childId: child.manifestId,
    });
    const rule = await bench.addRule(child);
    await bench.scan(child);
    assert.deepEqual((await bench.payloads(rule))[0]?.tags, ['multi']);
  });

  it('says nothing of a clean image', async () => {
    const pushed = await image('clean');
    const rule = await bench.addRule(pushed);
    await bench.scan(pushed);
    assert.deepEqual(await bench.payloads(rule), []);
    assert.notEqual((await bench.reportRow(pushed)).announcedAtMs, null);
  });
});
