import assert from 'node:assert/strict';

import {
  BOOKWORM,
  distInfo,
  dpkgStatus,
  type FixtureEntry,
  indexImage,
  packageLines,
  SITE,
} from './layer-fixtures';

const STATUS = 'var/lib/dpkg/status';
const OS_RELEASE: FixtureEntry = ['etc/os-release', BOOKWORM];
const database = (...stanzas: Parameters<typeof dpkgStatus>): FixtureEntry => [
  STATUS,
  dpkgStatus(...stanzas),
];
const bash = { name: 'bash', version: '5.2.15-2' };
const openssl = (version: string) => ({ name: 'openssl', version });

describe('dpkg databases over layers', () => {
  it('have their topmost copy as the truth, and the layer that brought each package', async () => {
    const report = await indexImage(
      [
        OS_RELEASE,
        database(bash, openssl('3.0.11-1'), { name: 'x', version: '1' }),
        distInfo('requests', '2.31.0'),
      ],
      [database(bash, openssl('3.0.15-1'))],
      [[`${SITE}/.wh.requests-2.31.0.dist-info`, '']],
    );
    assert.deepEqual(packageLines(report), ['bash 5.2.15-2 layer0', 'openssl 3.0.15-1 layer1']);
    assert.equal(report.manifest_hash, 'sha256:manifest');
    assert.equal(report.state, 'IndexFinished');
  });

  it('lose a package that the newer copy lacks, even all of them', async () => {
    assert.deepEqual(packageLines(await indexImage([database(bash)], [database()])), []);
  });

  it('still count when a later layer deletes them, with a mark', async () => {
    for (const whiteout of ['var/lib/.wh.dpkg', 'var/lib/dpkg/.wh.status', 'var/.wh..wh..opq']) {
      const report = await indexImage([OS_RELEASE, database(bash)], [[whiteout, '']]);
      assert.deepEqual(packageLines(report), ['bash 5.2.15-2 layer0'], whiteout);
      assert.equal(Object.values(report.environments)[0]?.[0]?.package_db_removed, true, whiteout);
    }
    const kept = await indexImage([OS_RELEASE, database(bash)], [['etc/.wh.x', '']]);
    assert.equal('package_db_removed' in (Object.values(kept.environments)[0]?.[0] ?? {}), false);
  });

  it('have the distribution of their layer, else the nearest below, else above', async () => {
    const trixie: FixtureEntry = ['etc/os-release', 'ID=debian\nVERSION_ID=13\n'];
    const versionIds = async (...layers: FixtureEntry[][]) => {
      const report = await indexImage(...layers);
      const id = Object.values(report.environments)[0]?.[0]?.distribution_id ?? '';
      return report.distributions[id]?.version_id;
    };
    assert.equal(await versionIds([OS_RELEASE], [database(bash)]), '12');
    assert.equal(await versionIds([database(bash)], [OS_RELEASE]), '12');
    assert.equal(await versionIds([OS_RELEASE, database(bash)], [trixie, database(bash)]), '13');
    assert.equal(await versionIds([database(bash)]), undefined);
  });

  it('in a chroot have the distribution of that root', async () => {
    const report = await indexImage([
      OS_RELEASE,
      database(bash),
      ['srv/root/etc/os-release', 'ID=debian\nVERSION_ID=11\n'],
      [`srv/root/${STATUS}`, dpkgStatus({ name: 'dash', version: '1' })],
    ]);
    const byDatabase = Object.values(report.environments).map(([environment]) => [
      environment?.package_db,
      report.distributions[environment?.distribution_id ?? '']?.version_id,
    ]);
    assert.deepEqual(byDatabase.sort(), [
      ['srv/root/var/lib/dpkg/status', '11'],
      [STATUS, '12'],
    ]);
  });

  it('add up for distroless images, each package with its layer', async () => {
    const stanza = (name: string, version: string): FixtureEntry => [
      `var/lib/dpkg/status.d/${name}`,
      `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n`,
    ];
    const report = await indexImage([stanza('a', '1')], [OS_RELEASE, stanza('b', '1')], [stanza('a', '2')]);
    assert.deepEqual(packageLines(report), ['a 2 layer2', 'b 1 layer1']);
    assert.equal(Object.values(report.distributions).length, 1);
  });

  it('warn where layers are of several distributions', async () => {
    const report = await indexImage([OS_RELEASE], [['etc/os-release', 'ID=alpine\nVERSION_ID=3.20.0\n']]);
    assert.deepEqual(report.warnings, ['layers of several distributions: debian:12, alpine:3.20']);
  });
});

describe('Python packages over layers', () => {
  const lines = async (...layers: FixtureEntry[][]) => packageLines(await indexImage(...layers));
  const [path] = distInfo('a', '1');

  it('are the union of the layers', async () => {
    assert.deepEqual(await lines([distInfo('a', '1')], [distInfo('b', '2')]), ['a 1 layer0', 'b 2 layer1']);
  });

  const removals: [string, FixtureEntry][] = [
    ['a whiteout of the file', [`${SITE}/a-1.dist-info/.wh.METADATA`, '']],
    ['a whiteout of a folder above', ['usr/local/.wh.lib', '']],
    ['an opaque folder above', ['usr/.wh..wh..opq', '']],
    ['an opaque root', ['.wh..wh..opq', '']],
    ['a file in place of a folder above', ['usr/local/lib', 'a file']],
    ['a symlink in place of a folder above', ['usr/local/lib', { symlink: '/opt/lib' }]],
    ['another thing at the same path', [path, { symlink: '/nowhere' }]],
    ['a folder in place of the file', [path, { dir: true }]],
  ];
  for (const [what, entry] of removals) {
    it(`end with ${what} in a layer above`, async () => {
      assert.deepEqual(await lines([distInfo('a', '1')], [entry]), []);
    });

    it(`are not touched by ${what} in the layer below`, async () => {
      assert.deepEqual(await lines([entry], [distInfo('a', '1')]), ['a 1 layer1']);
    });
  }

  it('are not touched by folders and files beside them', async () => {
    const above: FixtureEntry[] = [
      ['usr/local/lib', { dir: true }],
      [`${SITE}/a-1.dist-info`, { dir: true }],
      [`${SITE}/a-1.dist-info/RECORD`, 'x'],
      [`${SITE}/.wh.a`, ''],
      ['usr/local/lib/python3.1/.wh..wh..opq', ''],
      [`${SITE}/a-1.dist-info/METADATA/.wh..wh..opq`, ''],
    ];
    assert.deepEqual(await lines([distInfo('a', '1')], above), ['a 1 layer0']);
  });

  it('end when another file takes their path, and only the new one is reported', async () => {
    const layers: FixtureEntry[][] = [
      [[`${SITE}/a.egg-info`, 'Name: a\nVersion: 1\n']],
      [[`${SITE}/a.egg-info`, 'Name: a\nVersion: 2\n']],
    ];
    assert.deepEqual(await lines(...layers), ['a 2 layer1']);
  });

  it('come back when a yet higher layer has them again', async () => {
    const layers: FixtureEntry[][] = [
      [distInfo('a', '1'), distInfo('b', '1')],
      [['usr/local/.wh.lib', '']],
      [distInfo('a', '1')],
    ];
    assert.deepEqual(await lines(...layers), ['a 1 layer2']);
  });

  it('stay two when they are equal but in two folders', async () => {
    assert.deepEqual(await lines([distInfo('a', '1'), distInfo('a', '1', 'opt/site')]), [
      'a 1 layer0',
      'a 1 layer0',
    ]);
  });
});

describe('Python packages that dpkg owns', () => {
  const DIST = 'usr/lib/python3/dist-packages';
  const list: FixtureEntry = [
    'var/lib/dpkg/info/python3-six.list',
    `/.\n/${DIST}/six-1.16.0.dist-info/METADATA\n`,
  ];
  const six = distInfo('six', '1.16.0', DIST);
  const debianSix = database({ name: 'python3-six', version: '1.16.0-4' });
  const lines = async (...layers: FixtureEntry[][]) => packageLines(await indexImage(...layers));

  it('are reported as the Debian package alone', async () => {
    assert.deepEqual(await lines([debianSix, list, six]), ['python3-six 1.16.0-4 layer0']);
  });

  it('do not hide the same project elsewhere', async () => {
    assert.deepEqual(await lines([debianSix, list, six, distInfo('six', '1.16.0')]), [
      'python3-six 1.16.0-4 layer0',
      'six 1.16.0 layer0',
    ]);
  });

  it('are owned across layers', async () => {
    assert.deepEqual(await lines([six], [debianSix, list]), ['python3-six 1.16.0-4 layer1']);
  });

  it('stay owned when the whole database is deleted', async () => {
    assert.deepEqual(await lines([debianSix, list, six], [['var/lib/.wh.dpkg', '']]), [
      'python3-six 1.16.0-4 layer0',
    ]);
  });

  it('are their own again once the Debian package is gone and the project is put there by other means', async () => {
    const removal: FixtureEntry[] = [database(), ['var/lib/dpkg/info/.wh.python3-six.list', '']];
    assert.deepEqual(await lines([debianSix, list, six], removal, [six]), ['six 1.16.0 layer2']);
  });

  it('are known by a list that writes /lib for /usr/lib', async () => {
    const merged: FixtureEntry = [list[0], `/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA\n`];
    assert.deepEqual(await lines([debianSix, merged, six]), ['python3-six 1.16.0-4 layer0']);
  });
});

describe('the index report', () => {
  it('has the shape of Clair', async () => {
    const report = await indexImage([
      OS_RELEASE,
      database({ ...openssl('3.0.11-1'), source: 'ssl (3.0)' }),
      distInfo('a', '1'),
    ]);
    assert.deepEqual(report, {
      manifest_hash: 'sha256:manifest',
      state: 'IndexFinished',
      success: true,
      err: '',
      packages: {
        '1': {
          ...{
            id: '1',
            name: 'openssl',
            version: '3.0.11-1',
            kind: 'binary',
            arch: 'amd64',
            module: '',
            cpe: '',
          },
          normalized_version: '',
          source: { id: '2', name: 'ssl', version: '3.0', kind: 'source' },
        },
        '4': {
          ...{ id: '4', name: 'a', version: '1', kind: 'binary', arch: '', module: '', cpe: '' },
          normalized_version: 'pep440:0.1.0.0.0.0.0.0.0.0',
        },
      },
      distributions: {
        '3': {
          ...{
            id: '3',
            did: 'debian',
            name: 'Debian GNU/Linux',
            version: '12 (bookworm)',
            version_code_name: 'bookworm',
          },
          ...{ version_id: '12', arch: '', cpe: '', pretty_name: 'Debian GNU/Linux 12 (bookworm)' },
        },
      },
      repository: { '5': { id: '5', name: 'pypi', key: '', uri: '', cpe: '' } },
      environments: {
        '1': [
          {
            package_db: STATUS,
            introduced_in: 'layer0',
            path: STATUS,
            distribution_id: '3',
            repository_ids: [],
          },
        ],
        '4': [
          {
            ...{
              package_db: `python:${SITE}`,
              introduced_in: 'layer0',
              path: `${SITE}/a-1.dist-info/METADATA`,
            },
            ...{ distribution_id: '', repository_ids: ['5'] },
          },
        ],
      },
      warnings: [],
    });
  });

  it('names the layer of a warning', async () => {
    const report = await indexImage([], [[`${SITE}/a.egg-info`, 'Version: 1\n']]);
    assert.deepEqual(report.warnings, [`layer1: ${SITE}/a.egg-info: has no Name`]);
  });

  it('is empty for no layers', async () => {
    assert.deepEqual((await indexImage()).packages, {});
  });
});
