import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';

import { extract, pack } from 'tar-stream';

import { LayerIndexer, LayerLimitError } from '../../scanner/layers/layer-indexer';
import { normalizeLayerPath } from '../../scanner/layers/layer-path';
import { PackedPathSet, packPathDigests, pathDigest } from '../../scanner/layers/path-set';
import { BOOKWORM, distInfo, dpkgStatus, type FixtureEntry, indexLayer, SITE } from './layer-fixtures';

const STATUS = 'var/lib/dpkg/status';

async function pythonPackages(entries: FixtureEntry[]): Promise<string[]> {
  const { packageFiles } = await indexLayer(entries);
  return packageFiles
    .flatMap(({ packages }) => packages.map(({ name, version }) => `${name} ${version}`))
    .sort();
}

describe('normalizeLayerPath', () => {
  for (const path of [
    'etc/passwd',
    '/etc/passwd',
    './etc/passwd',
    'etc//./x/../passwd',
    '../../etc/passwd',
    'etc/passwd/',
  ]) {
    it(`reads ${path} as etc/passwd`, () => assert.equal(normalizeLayerPath(path), 'etc/passwd'));
  }

  it('reads the root as the empty path', () => {
    assert.equal(normalizeLayerPath('./'), '');
    assert.equal(normalizeLayerPath('/..'), '');
  });
});

describe('PackedPathSet', () => {
  it('finds what was packed and nothing else', () => {
    const paths = Array.from({ length: 500 }, (_, index) => `usr/share/file${index}`);
    const set = new PackedPathSet(packPathDigests(paths.map(pathDigest)));
    assert.ok(paths.every((path) => set.has(pathDigest(path))));
    assert.ok(!paths.some((path) => set.has(pathDigest(`${path}x`))));
  });

  it('may be empty', () => {
    assert.equal(new PackedPathSet(packPathDigests([])).has(pathDigest('a')), false);
  });
});

describe('LayerIndexer', () => {
  it('reads only files that are wanted', async () => {
    const { packageFiles } = await indexLayer([
      ['srv/data.bin', { symlink: '/dev/null' }],
      ['./usr/local/', { dir: true }],
      distInfo('requests', '2.31.0'),
    ]);
    assert.deepEqual(packageFiles[0], {
      indexer: 'python',
      path: `${SITE}/requests-2.31.0.dist-info/METADATA`,
      packageDb: `python:${SITE}`,
      repository: 'pypi',
      packages: [
        {
          name: 'requests',
          version: '2.31.0',
          kind: 'binary',
          arch: '',
          normalizedVersion: 'pep440:0.2.31.0.0.0.0.0.0.0',
        },
      ],
    });
  });

  it('keeps the later of two entries with the same path', async () => {
    const [path] = distInfo('a', '1');
    assert.deepEqual(await pythonPackages([distInfo('a', '1'), [`/${path}`, 'Name: a\nVersion: 2\n']]), [
      'a 2',
    ]);
  });

  it('forgets what was below a folder that a file replaces', async () => {
    assert.deepEqual(await pythonPackages([distInfo('a', '1'), [SITE, 'a file now']]), []);
    assert.deepEqual(await pythonPackages([distInfo('a', '1'), [SITE, { symlink: '/opt' }]]), []);
  });

  it('forgets a file that a folder replaces, named or implied by what is in it', async () => {
    const file: FixtureEntry = [`${SITE}/a.egg-info`, 'Name: a\nVersion: 1\n'];
    assert.deepEqual(await pythonPackages([file, [`${SITE}/a.egg-info`, { dir: true }]]), []);
    assert.deepEqual(await pythonPackages([file, [`${SITE}/a.egg-info/PKG-INFO`, 'Name: a\nVersion: 2\n']]), [
      'a 2',
    ]);
  });

  it('collects whiteouts, which have no effect on their own layer', async () => {
    const result = await indexLayer([
      distInfo('a', '1'),
      [`${SITE}/.wh.a-1.dist-info`, ''],
      ['usr/lib/ruby/.wh..wh..opq', ''],
      ['.wh..wh.plnk', { dir: true }],
    ]);
    assert.deepEqual(result.whiteouts, [`${SITE}/a-1.dist-info`]);
    assert.deepEqual(result.opaque, ['usr/lib/ruby']);
    assert.equal(result.packageFiles.length, 1);
  });

  it('follows symlinks within the layer, in either order, and ignores dangling ones and circles', async () => {
    const link: FixtureEntry = ['etc/os-release', { symlink: '../usr/lib/os-release' }];
    const file: FixtureEntry = ['usr/lib/os-release', BOOKWORM];
    for (const entries of [
      [link, file],
      [file, link],
    ]) {
      const { distributions, warnings } = await indexLayer(entries);
      assert.deepEqual(
        distributions.map(({ versionId }) => versionId),
        ['12'],
      );
      assert.deepEqual(warnings, []);
    }
    const circle = await indexLayer([link, ['usr/lib/os-release', { symlink: '/etc/os-release' }]]);
    assert.deepEqual(circle.distributions, []);
    assert.deepEqual((await indexLayer([link])).distributions, []);
  });

  it('reads a hard link as its target, and drops one whose target is not in the layer', async () => {
    const [path] = distInfo('a', '1');
    const link: FixtureEntry = ['opt/a-1.dist-info/METADATA', { hardlink: `/${path}` }];
    assert.deepEqual(await pythonPackages([distInfo('a', '1'), link]), ['a 1', 'a 1']);
    assert.deepEqual(await pythonPackages([link]), []);
  });

  it('warns of a link to a file that it did not read', async () => {
    const { warnings } = await indexLayer([
      ['opt/status', dpkgStatus()],
      ['opt/x', 'x'],
      [STATUS, { symlink: '/opt/x' }],
    ]);
    assert.deepEqual(warnings, [`${STATUS}: links to opt/x, which was not read`]);
  });

  it('leaves out a file above the cap with a warning', async () => {
    const result = await indexLayer([[STATUS, dpkgStatus({ name: 'a', version: '1' })]], {
      maxFileBytes: 10,
    });
    assert.deepEqual(result.databases, []);
    assert.match(
      result.warnings[0] ?? '',
      /var\/lib\/dpkg\/status: \d+ bytes are more than the 10 read of a file/,
    );
  });

  it('refuses a layer with too many entries', async () => {
    const entries: FixtureEntry[] = [
      ['a', ''],
      ['b', ''],
      ['c', ''],
    ];
    await assert.rejects(indexLayer(entries, { maxEntries: 2 }), LayerLimitError);
  });

  it('passes on an error of the stream', async () => {
    const indexer = new LayerIndexer();
    const read = () => Promise.reject(new Error('blob ended early'));
    await assert.rejects(indexer.add({ path: STATUS, type: 'file', sizeBytes: 9, read }), /blob ended early/);
  });

  it('survives an indexer that throws', async () => {
    const indexer = new LayerIndexer({}, [
      {
        name: 'broken',
        version: '1',
        kind: 'package',
        wants: () => true,
        parse: () => assert.fail('no'),
        collect: () => ({}),
      },
    ]);
    await indexer.add({
      path: 'a',
      type: 'file',
      sizeBytes: 0,
      read: () => Promise.resolve(Buffer.alloc(0)),
    });
    assert.deepEqual(indexer.finish().warnings, ['a: not readable by broken: no']);
  });

  it('takes a hundred thousand entries in its stride', async () => {
    const entries = Array.from({ length: 100_000 }, (_, index): FixtureEntry => [
      `usr/share/d${index % 100}/f${index}`,
      '',
    ]);
    const result = await indexLayer(entries);
    assert.equal(result.entryCount, 100_000);
    assert.equal(Buffer.from(result.occupied, 'base64').length, 600_000);
  });

  it('reads a tar stream with long names, links and whiteouts', async () => {
    const folder = `${SITE}/${'deep/'.repeat(40)}`;
    const tar = pack();
    tar.entry({ name: 'usr/lib/os-release' }, BOOKWORM);
    tar.entry({ name: 'etc/os-release', type: 'symlink', linkname: '../usr/lib/os-release' });
    tar.entry({ name: `./${folder}a-1.dist-info/METADATA` }, 'Name: a\nVersion: 1\n');
    tar.entry({
      name: `${folder}b-1.dist-info/METADATA`,
      type: 'link',
      linkname: `${folder}a-1.dist-info/METADATA`,
    });
    tar.entry({ name: 'opt/.wh.old' }, '');
    tar.finalize();
    const indexer = new LayerIndexer();
    for await (const entry of tar.pipe(extract())) {
      const { name, type, linkname, size = 0, mode } = entry.header;
      const kinds = { file: 'file', link: 'hardlink', symlink: 'symlink', directory: 'directory' } as const;
      await indexer.add({
        path: name,
        type: kinds[type as keyof typeof kinds] ?? 'other',
        linkName: linkname ?? undefined,
        sizeBytes: size,
        mode,
        read: () => buffer(entry),
      });
      entry.resume();
    }
    const result = indexer.finish();
    assert.deepEqual(
      result.distributions.map(({ versionId }) => versionId),
      ['12'],
    );
    assert.equal(result.packageFiles.length, 2);
    assert.deepEqual(result.whiteouts, ['opt/old']);
    assert.deepEqual(result.warnings, []);
  });
});
