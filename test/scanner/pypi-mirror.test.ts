import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';

import { extract } from 'tar-stream';

import type { Advisory } from '../../scanner/advisories/advisory';
import { lookupKeys, matchReport } from '../../scanner/matching/match-report';
import { parseOsvYaml } from './advisory-fixtures';
import { distInfo, indexImage } from './layer-fixtures';
import { PYPI_EXPECTATIONS, PYPI_WITHDRAWN } from './pypi-expectations';

const FOLDER = join(__dirname, '../../../shared/data/advisories');
const ARCHIVE = /^pypa-advisory-database-.*\.tar\.gz$/;

function findArchive(): string | undefined {
  const name = existsSync(FOLDER) ? readdirSync(FOLDER).find((file) => ARCHIVE.test(file)) : undefined;
  return name && join(FOLDER, name);
}

describe('the advisories of the PyPA mirror', () => {
  const counts = { loaded: 0, withdrawn: 0, unsupported: 0, unusable: 0, invalid: 0 };
  const byName = new Map<string, Advisory[]>();
  const warnings: string[] = [];

  before(async function () {
    const archive = findArchive();
    if (!archive) {
      console.log('      skipped: no pypa-advisory-database archive in ../shared/data/advisories');
      return this.skip();
    }
    this.timeout(120_000);
    const entries = createReadStream(archive).pipe(createGunzip()).pipe(extract());
    for await (const entry of entries) {
      if (!/vulns\/[^/]+\/PYSEC-.*\.ya?ml$/.test(entry.header.name)) {
        entry.resume();
        continue;
      }
      const parsed = parseOsvYaml(await text(entry));
      counts[parsed.outcome] += 1;
      warnings.push(...parsed.warnings);
      for (const advisory of parsed.advisories) {
        byName.set(advisory.packageName, [...(byName.get(advisory.packageName) ?? []), advisory]);
      }
    }
  });

  async function findings(name: string, version: string) {
    const report = await indexImage([distInfo(name, version)]);
    const advisories = lookupKeys(report).flatMap(({ packageName }) => byName.get(packageName) ?? []);
    return matchReport(report, advisories).findings;
  }

  it('are all read', () => {
    assert.deepEqual(counts, { loaded: 2649, withdrawn: 10, unsupported: 0, unusable: 2, invalid: 0 });
    // Their only fixes are "0.2.0-n653" and "2019-09-12", which are no Python versions.
    assert.deepEqual(warnings.map((warning) => warning.split(':')[0]).sort(), [
      'PYSEC-2019-125',
      'PYSEC-2021-371',
    ]);
    const advisories = [...byName.values()].flat();
    assert.equal(
      new Set(advisories.filter(({ cvssScore }) => cvssScore !== null).map(({ advisoryId }) => advisoryId))
        .size,
      // Of the 202 with a vector three are withdrawn.
      199,
    );
  });

  for (const [project, expected] of Object.entries(PYPI_EXPECTATIONS)) {
    const [name = '', version = ''] = project.split(' ');
    it(`find ${expected.length} for ${project}`, async () => {
      const found = await findings(name, version);
      const lines = found.map(({ advisoryId, severity, cvssScore }) =>
        severity === 'Unknown' ? advisoryId : `${advisoryId} ${severity} ${cvssScore}`,
      );
      assert.deepEqual(lines.sort(), [...expected].sort());
    });
  }

  it('tell the series of Django apart at their fixes', async () => {
    const ids = async (version: string) =>
      (await findings('Django', version)).map(({ advisoryId }) => advisoryId);
    assert.ok((await ids('4.0.6')).includes('PYSEC-2022-245'));
    assert.ok(!(await ids('4.0.7')).includes('PYSEC-2022-245'));
  });

  it('have no fix for the last_affected of py, and the next one for urllib3', async () => {
    assert.deepEqual(
      (await findings('py', '1.11.0')).map(({ fixedBy }) => fixedBy),
      [''],
    );
    const urllib3 = await findings('urllib3', '1.26.4');
    assert.deepEqual(urllib3.map(({ fixedBy }) => fixedBy).sort(), ['1.26.17', '1.26.18', '1.26.5']);
  });

  for (const [name, ids] of Object.entries(PYPI_WITHDRAWN)) {
    it(`never find ${ids.join(', ')} for ${name}`, () => {
      const loaded = (byName.get(name) ?? []).map(({ advisoryId }) => advisoryId);
      assert.deepEqual(
        loaded.filter((id) => ids.includes(id)),
        [],
      );
    });
  }
});
