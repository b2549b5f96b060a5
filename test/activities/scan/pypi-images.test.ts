import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';

import { extract } from 'tar-stream';

import { AdvisorySource } from '../../../db/entities/scanning';
import { normalizePythonName } from '../../../scanner/python/python-name';
import { BOOKWORM, distInfo, dpkgStatus } from '../../scanner/layer-fixtures';
import { PYPI_EXPECTATIONS, PYPI_WITHDRAWN } from '../../scanner/pypi-expectations';
import type { BuiltLayer, LayerFiles } from '../../support/layers';
import { buildLayer } from '../../support/layers';
import { ScanBench } from '../../support/scan-bench';

const MIRROR = join(__dirname, '../../../../shared/data/advisories');
const FIXTURES = join(__dirname, '../../scanner/fixtures/osv');

/** One image holds one version of each project; these go together into the fewest images. */
function imagesOf(projects: readonly string[]): string[][] {
  const images: string[][] = [];
  const nameOf = (project: string) => normalizePythonName(project.split(' ')[0] ?? '');
  for (const project of projects) {
    const image = images.find((others) => !others.some((other) => nameOf(other) === nameOf(project)));
    if (image) image.push(project);
    else images.push([project]);
  }
  return images;
}

describe('images with Python packages', function () {
  this.timeout(180_000);
  let bench: ScanBench;
  let base: BuiltLayer;

  before(async () => {
    bench = await ScanBench.open();
    base = await buildLayer({
      'etc/os-release': BOOKWORM,
      'var/lib/dpkg/info': { dir: true },
      'var/lib/dpkg/status': dpkgStatus({ name: 'bash', version: '5.2.15-2+b2' }),
    });
  });
  after(() => bench.close());

  async function scanImage(projects: readonly string[]): Promise<Map<string, string[]>> {
    const files = projects.map((project) => {
      const [name = '', version = ''] = project.split(' ');
      return distInfo(name, version);
    });
    const image = await bench.push([base, await buildLayer(Object.fromEntries(files) as LayerFiles)]);
    await bench.scan(image);
    const found = new Map<string, string[]>();
    for (const { packageName, advisoryId, severity, cvssScore } of await bench.findings(image)) {
      const line = severity === 'Unknown' ? advisoryId : `${advisoryId} ${severity} ${cvssScore}`;
      found.set(packageName, [...(found.get(packageName) ?? []), line].sort());
    }
    return found;
  }

  describe('by hand-written records', () => {
    before(async () => {
      await bench.forgetAdvisories();
      for (const file of readdirSync(FIXTURES)) {
        const content = await buffer(createReadStream(join(FIXTURES, file)));
        await bench.dropAdvisory(`osv/PyPI/vulns/${file}`, content);
      }
    });

    const expected: Record<string, Record<string, string[]>> = {
      'Slip.Gate 3.2.14': { 'slip-gate': ['PYSEC-2099-1 High 7.5'] },
      'slip_gate 3.2.15': {},
      'slip-gate 4.0.6': { 'slip-gate': ['PYSEC-2099-1 High 7.5'] },
      'lastgate 1.11.0': { lastgate: ['PYSEC-2099-2'] },
      'lastgate 1.11.1': {},
      'onegate 0.5': { onegate: ['PYSEC-2099-3'] },
      'onegate 0.6': {},
    };
    for (const image of imagesOf(Object.keys(expected))) {
      it(`have exactly their findings: ${image.join(', ')}`, async () => {
        const findings = Object.assign({}, ...image.map((project) => expected[project])) as object;
        assert.deepEqual(Object.fromEntries(await scanImage(image)), findings);
      });
    }
  });

  describe('by the whole PyPA database', () => {
    before(async function () {
      const archive = existsSync(MIRROR)
        ? readdirSync(MIRROR).find((file) => /^pypa-advisory-database-.*\.tar\.gz$/.test(file))
        : undefined;
      if (!archive) {
        console.log('      skipped: no pypa-advisory-database archive in ../shared/data/advisories');
        return this.skip();
      }
      await bench.forgetAdvisories();
      // A clone as it is, with all its other files.
      const entries = createReadStream(join(MIRROR, archive)).pipe(createGunzip()).pipe(extract());
      for await (const entry of entries) {
        const path = join(bench.advisories, 'osv/PyPI', entry.header.name);
        if (entry.header.type === 'file') {
          await mkdir(dirname(path), { recursive: true });
          await writeFile(path, await buffer(entry));
        } else entry.resume();
      }
    });

    it('load within a minute, without the withdrawn ones', async () => {
      const startedMs = performance.now();
      const [refreshed] = await bench.run((steps) => steps.refreshAdvisories());
      const tookMs = performance.now() - startedMs;
      assert.equal(refreshed?.outcome, 'loaded');
      assert.ok(tookMs < 60_000, `${tookMs} ms`);
      const { advisoryCount, warnings } = await bench.dataSource.manager.findOneByOrFail(AdvisorySource, {});
      assert.ok(advisoryCount >= 2649, `${advisoryCount}`);
      assert.ok(warnings.some((warning) => warning.includes('PYSEC-2019-125')));
      const again = performance.now();
      assert.deepEqual(await bench.run((steps) => steps.refreshAdvisories()), []);
      assert.ok(performance.now() - again < 5000, 'looking at an unchanged folder is quick');
    });

    for (const [index, image] of imagesOf(Object.keys(PYPI_EXPECTATIONS)).entries()) {
      it(`find what is expected in set ${index + 1}: ${image.slice(0, 3).join(', ')} …`, async () => {
        const found = await scanImage(image);
        for (const project of image) {
          const name = project.split(' ')[0]?.toLowerCase() ?? '';
          assert.deepEqual(found.get(name) ?? [], [...(PYPI_EXPECTATIONS[project] ?? [])].sort(), project);
        }
      });
    }

    it('tell the series of Django apart at their fixes', async () => {
      const ids = async (version: string) => (await scanImage([`Django ${version}`])).get('django') ?? [];
      assert.ok((await ids('4.0.6')).some((line) => line.startsWith('PYSEC-2022-245')));
      assert.ok(!(await ids('4.0.7')).some((line) => line.startsWith('PYSEC-2022-245')));
    });

    it('never find what was withdrawn', async () => {
      const found = await scanImage(['loguru 0.5.3', 'redis 4.5.0', 'selenium 3.0.0', 'ansible 2.9.0']);
      for (const [name, withdrawn] of Object.entries(PYPI_WITHDRAWN)) {
        const ids = (found.get(name) ?? []).map((line) => line.split(' ')[0] ?? '');
        assert.deepEqual(
          ids.filter((id) => withdrawn.includes(id)),
          [],
        );
      }
    });
  });
});
