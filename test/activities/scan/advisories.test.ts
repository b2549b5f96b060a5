import assert from 'node:assert/strict';
import { rm, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, crc32 } from 'node:zlib';

import { AdvisoryRow, AdvisorySource } from '../../../db/entities/scanning';
import { distInfo } from '../../scanner/layer-fixtures';
import type { LayerFiles } from '../../support/layers';
import { buildLayer } from '../../support/layers';
import type { PushedImage } from '../../support/scan-bench';
import { ScanBench } from '../../support/scan-bench';

interface OsvOptions {
  fixed?: string;
  withdrawn?: string;
  score?: string;
  name?: string;
}

function osv(id: string, { fixed = '2.0', withdrawn, score, name = 'thing' }: OsvOptions = {}): string {
  return JSON.stringify({
    ...{
      id,
      details: `about ${id}`,
      references: [{ type: 'WEB', url: `https://osv.example/${id}` }],
      withdrawn,
    },
    severity: score ? [{ type: 'CVSS_V3', score }] : [],
    affected: [
      {
        package: { ecosystem: 'PyPI', name },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed }] }],
      },
    ],
  });
}

const HIGH = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H';

describe('advisory folder', function () {
  this.timeout(60_000);
  let bench: ScanBench;
  let image: PushedImage;

  before(async () => {
    bench = await ScanBench.open();
  });
  after(() => bench.close());
  beforeEach(async () => {
    await bench.forgetAdvisories();
    const [path, metadata] = distInfo('thing', '1.0');
    const files: LayerFiles = { [path]: metadata as string };
    image = await bench.push([await buildLayer(files)]);
  });

  const ids = async () => (await bench.findings(image)).map(({ advisoryId }) => advisoryId).sort();
  const rows = () => bench.dataSource.manager.countBy(AdvisoryRow, {});
  const source = (name = 'osv/PyPI') => bench.dataSource.manager.findOneByOrFail(AdvisorySource, { name });

  it('is nothing special when there is none', async () => {
    assert.deepEqual(await bench.newRefresher().refresh(), []);
    await bench.scan(image);
    assert.deepEqual(await ids(), []);
  });

  it('is seen by a scan a moment after a file was dropped, and by reports of older scans', async () => {
    await bench.scan(image);
    await bench.dropAdvisory('osv/PyPI/a/PYSEC-1.json', osv('PYSEC-1', { score: HIGH }));
    const other = await bench.push([
      await buildLayer({ 'etc/other': '', ...Object.fromEntries([distInfo('thing', '1.5')]) }),
    ]);
    const rule = await bench.addRule(other);
    await bench.scan(other);
    assert.deepEqual(
      (await bench.payloads(rule)).map(({ vulnerability }) => vulnerability.id),
      ['PYSEC-1'],
    );
    const [finding] = await bench.findings(image);
    assert.deepEqual([finding?.advisoryId, finding?.severity, finding?.fixedBy], ['PYSEC-1', 'High', '2.0']);
    const report = await bench.reportRow(image);
    assert.equal(await bench.scan(image), 0, 'no layer is read again');
    assert.deepEqual(await bench.reportRow(image), report);
  });

  it('is read as YAML with versions as text, from clones with other files in them', async () => {
    await bench.dropAdvisory('osv/PyPI/.github/broken.yaml', '{{ a template }}: [');
    await bench.dropAdvisory('osv/PyPI/README.md', '# hello');
    await bench.dropAdvisory('osv/PyPI/config.yaml', 'some: other file\n');
    await bench.dropAdvisory(
      'osv/PyPI/vulns/thing/PYSEC-2.yaml',
      [
        'id: PYSEC-2',
        'affected:',
        '- package: {ecosystem: PyPI, name: Thing}',
        '  ranges:',
        '  - type: ECOSYSTEM',
        '    events: [{introduced: "0"}, {fixed: 1.10}]',
      ].join('\n'),
    );
    await bench.scan(image);
    const [finding] = await bench.findings(image);
    assert.deepEqual([finding?.advisoryId, finding?.fixedBy], ['PYSEC-2', '1.10']);
    assert.match((await source()).warnings.join(), /config\.yaml: osv record/);
  });

  it('is loaded once: neither by the same process nor by another one while nothing changed', async () => {
    await bench.dropAdvisory('osv/PyPI/PYSEC-1.json', osv('PYSEC-1'));
    const refresher = bench.newRefresher();
    const [first, second] = await Promise.all([refresher.refresh(), refresher.refresh()]);
    assert.deepEqual(first, [{ source: 'osv/PyPI', outcome: 'loaded', advisoryCount: 1 }]);
    assert.deepEqual(second, []);
    const before = await source();
    assert.deepEqual(await bench.newRefresher().refresh(), [{ source: 'osv/PyPI', outcome: 'unchanged' }]);
    assert.deepEqual(await source(), before);
  });

  it('replaces what a source said before, all at once, and clears the old rows away', async () => {
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-1'));
    await bench.dropAdvisory('osv/PyPI/two.json', osv('PYSEC-2'));
    await bench.scan(image);
    assert.deepEqual(await ids(), ['PYSEC-1', 'PYSEC-2']);
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-1', { withdrawn: '2024-01-01T00:00:00Z' }));
    await bench.dropAdvisory('osv/PyPI/two.json', osv('PYSEC-2', { score: HIGH }));
    await bench.run((steps) => steps.refreshAdvisories());
    const found = await bench.findings(image);
    assert.deepEqual(
      found.map(({ advisoryId, severity }) => `${advisoryId} ${severity}`),
      ['PYSEC-2 High'],
    );
    assert.equal(await rows(), 1);
  });

  it('shows nothing of an operation that a killed process left half done, and clears it away', async () => {
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-1'));
    await bench.scan(image);
    const { id } = await source();
    await bench.dataSource.manager.insert(AdvisoryRow, {
      ...{ sourceId: id, operation: '11111111-1111-4111-8111-111111111111', namespace: 'pypi' },
      ...{ packageName: 'thing', advisoryId: 'PYSEC-9', severity: 'High', document: {} },
    });
    assert.deepEqual(await ids(), ['PYSEC-1']);
    await bench.dropAdvisory('osv/PyPI/two.json', osv('PYSEC-2'));
    await bench.newRefresher().refresh();
    assert.deepEqual(await ids(), ['PYSEC-1', 'PYSEC-2']);
    assert.equal(await rows(), 2);
  });

  it('keeps the data of before when a file is cut off, and takes it when it is whole again', async () => {
    const path = await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-1'));
    await bench.scan(image);
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-3'));
    await truncate(path, 60);
    const refresher = bench.newRefresher();
    const [refreshed] = await refresher.refresh();
    assert.equal(refreshed?.outcome, 'failed');
    assert.match(refreshed?.reason ?? '', /^osv\/PyPI\/one\.json: /);
    assert.equal((await source()).lastError, refreshed?.reason);
    assert.deepEqual(await ids(), ['PYSEC-1']);
    assert.deepEqual(await refresher.refresh(), [], 'and it is not tried again until it changes');
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-3'));
    await refresher.refresh();
    assert.deepEqual(await ids(), ['PYSEC-3']);
    assert.equal((await source()).lastError, null);
  });

  it('keeps the data of a source whose files are gone', async () => {
    await bench.dropAdvisory('osv/PyPI/one.json', osv('PYSEC-1'));
    await bench.scan(image);
    await rm(join(bench.advisories, 'osv'), { recursive: true });
    assert.deepEqual(await bench.newRefresher().refresh(), []);
    assert.deepEqual(await ids(), ['PYSEC-1']);
  });

  it('refuses content that lost more than half of a larger source', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `PYSEC-${index}`);
    for (const name of names) await bench.dropAdvisory(`osv/PyPI/${name}.json`, osv(name));
    await bench.scan(image);
    for (const name of names.slice(9)) await rm(join(bench.advisories, `osv/PyPI/${name}.json`));
    const [refreshed] = await bench.newRefresher().refresh();
    assert.equal(refreshed?.outcome, 'refused');
    assert.match(refreshed?.reason ?? '', /only 9 of the 20/);
    assert.equal((await ids()).length, 20);
    assert.equal(await rows(), 20);
  });

  it('reads all.zip, passes over a bad member and counts it', async () => {
    const good = osv('PYSEC-1');
    await bench.dropAdvisory(
      'osv/PyPI/all.zip',
      zip([
        { name: 'PYSEC-1.json', content: good },
        { name: 'PYSEC-2.json', content: osv('PYSEC-2'), damaged: true },
        { name: 'PYSEC-3.json', content: '{"id": ' },
        { name: 'notes.txt', content: 'no record' },
      ]),
    );
    await bench.scan(image);
    assert.deepEqual(await ids(), ['PYSEC-1']);
    assert.equal((await source()).warnings.length, 2);
  });

  it('keeps the data of before when all.zip is cut in half', async () => {
    const archive = zip([{ name: 'PYSEC-1.json', content: osv('PYSEC-1') }]);
    const path = await bench.dropAdvisory('osv/PyPI/all.zip', archive);
    await bench.scan(image);
    await truncate(path, archive.length >> 1);
    assert.equal((await bench.newRefresher().refresh())[0]?.outcome, 'failed');
    assert.deepEqual(await ids(), ['PYSEC-1']);
  });

  it('follows a link to where a database really lies, and does not mind other ecosystems', async () => {
    await bench.dropAdvisory('elsewhere/PYSEC-1.json', osv('PYSEC-1'));
    await bench.dropAdvisory('osv/npm/GHSA-1.json', osv('GHSA-1').replaceAll('PyPI', 'npm'));
    await symlink(join(bench.advisories, 'elsewhere'), join(bench.advisories, 'osv/PyPI'));
    await bench.scan(image);
    assert.deepEqual(await ids(), ['PYSEC-1']);
    assert.equal((await source('osv/npm')).advisoryCount, 0);
  });

  it('loads thousands of rows of a tracker in batches', async () => {
    const issues = Array.from({ length: 2500 }, (_, index): [string, unknown] => [
      `CVE-2024-${10_000 + index}`,
      { releases: { bookworm: { status: 'open', urgency: 'low' } } },
    ]);
    await bench.dropAdvisory(
      'debian/tracker.json',
      JSON.stringify({ linux: Object.fromEntries<unknown>(issues) }),
    );
    const [refreshed] = await bench.newRefresher().refresh();
    assert.deepEqual(refreshed, { source: 'debian/tracker', outcome: 'loaded', advisoryCount: 2500 });
    assert.equal(await rows(), 2500);
  });
});

interface ZipFile {
  name: string;
  content: string;
  /** Its compressed bytes are overwritten. */
  damaged?: boolean;
}

/** A zip as APPNOTE.TXT 4.3 describes it; there is no writer among the dependencies. */
function zip(files: ZipFile[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, damaged } of files) {
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(Buffer.byteLength(content), 18);
    common.writeUInt16LE(name.length, 22);
    if (damaged) packed.fill(0xff);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06'), end]);
}
