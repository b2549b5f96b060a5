import assert from 'node:assert/strict';

import { normalizePythonName } from '../../scanner/python/python-name';
import { distInfo, type FixtureEntry, indexImage, indexLayer, packageLines, SITE } from './layer-fixtures';

const HEADER = 'Metadata-Version: 1.1\nName: Foo.Bar_baz\nVersion: 1.0\n';

describe('normalizePythonName', () => {
  for (const [name, normal] of [
    ['PyYAML', 'pyyaml'],
    ['Foo.Bar_baz', 'foo-bar-baz'],
    ['a--b__.c', 'a-b-c'],
    [' Jinja2 ', 'jinja2'],
  ]) {
    it(`folds "${name}" to ${normal}`, () => assert.equal(normalizePythonName(name ?? ''), normal));
  }
});

describe('Python packages', () => {
  for (const path of [
    'x-1.dist-info/METADATA',
    'x.egg-info',
    'x.egg-info/PKG-INFO',
    'x.egg/EGG-INFO/PKG-INFO',
  ]) {
    it(`reads ${path}`, async () => {
      const { packageFiles } = await indexLayer([[`${SITE}/${path}`, HEADER]]);
      assert.equal(packageFiles[0]?.packageDb, `python:${SITE}`);
      assert.equal(packageFiles[0]?.packages[0]?.name, 'foo-bar-baz');
    });
  }

  it('does not read other metadata', async () => {
    const entries: FixtureEntry[] = [
      ['a/METADATA', HEADER],
      ['b/PKG-INFO', HEADER],
      ['c.dist-info/RECORD', HEADER],
    ];
    assert.deepEqual((await indexLayer(entries)).packageFiles, []);
  });

  it('reads only the header', async () => {
    const { packageFiles, warnings } = await indexLayer([[`${SITE}/a.egg-info`, 'Name: a\n\nVersion: 1\n']]);
    assert.deepEqual(packageFiles, []);
    assert.deepEqual(warnings, [`${SITE}/a.egg-info: has no Version`]);
  });

  it('warns of metadata without a name and goes on', async () => {
    const entries: FixtureEntry[] = [[`${SITE}/a-1.dist-info/METADATA`, 'Version: 1\n'], distInfo('b', '1')];
    const { packageFiles, warnings } = await indexLayer(entries);
    assert.equal(packageFiles.length, 1);
    assert.deepEqual(warnings, [`${SITE}/a-1.dist-info/METADATA: has no Name`]);
  });

  it('keeps a version that is not PEP 440', async () => {
    const { packageFiles } = await indexLayer([distInfo('a', '2004d')]);
    assert.equal(packageFiles[0]?.packages[0]?.version, '2004d');
    assert.equal(packageFiles[0]?.packages[0]?.normalizedVersion, '');
  });

  for (const [installer, count] of [
    ['pip\n', 1],
    ['uv', 1],
    ['rpm', 0],
    ['dpkg\n', 0],
    ['apk', 0],
  ] as const) {
    it(`${count ? 'reports' : 'leaves out'} what ${installer.trim()} installed`, async () => {
      const entries: FixtureEntry[] = [distInfo('a', '1'), [`${SITE}/a-1.dist-info/INSTALLER`, installer]];
      assert.equal((await indexLayer(entries)).packageFiles.length, count);
    });
  }

  it('prefers dist-info to egg-info of one project in one folder', async () => {
    const egg = (site: string): FixtureEntry => [`${site}/a.egg-info/PKG-INFO`, 'Name: A\nVersion: 1\n'];
    const report = await indexImage([egg(SITE), distInfo('a', '2'), egg('opt/site')]);
    assert.deepEqual(packageLines(report), ['a 1 layer0', 'a 2 layer0']);
  });
});
