import assert from 'node:assert/strict';

import { dpkgStatus, type FixtureEntry, indexLayer } from './layer-fixtures';

const STATUS = 'var/lib/dpkg/status';

async function packages(content: string | Buffer, path = STATUS) {
  const { databases, warnings } = await indexLayer([[path, content]]);
  return { databases, warnings, packages: databases.flatMap((database) => database.packages) };
}

describe('dpkg status', () => {
  it('reads name, version, architecture and source', async () => {
    const status = dpkgStatus(
      { name: 'libssl3', version: '3.0.11-1~deb12u1', source: 'openssl' },
      { name: 'bsdutils', version: '1:2.38.1-5+deb12u3', source: 'util-linux (2.38.1-5+deb12u3)' },
      { name: 'bash', version: '5.2.15-2+b2' },
    );
    const found = (await packages(status)).packages;
    assert.deepEqual(found[0], {
      name: 'libssl3',
      version: '3.0.11-1~deb12u1',
      kind: 'binary',
      arch: 'amd64',
      normalizedVersion: '',
      source: { name: 'openssl', version: '3.0.11-1~deb12u1' },
    });
    assert.deepEqual(found[1]?.source, { name: 'util-linux', version: '2.38.1-5+deb12u3' });
    assert.deepEqual(found[2]?.source, { name: 'bash', version: '5.2.15-2+b2' });
  });

  it('keeps only what is installed', async () => {
    const status = dpkgStatus(
      { name: 'a', version: '1' },
      { name: 'b', version: '1', status: 'deinstall ok config-files' },
      { name: 'c', version: '1', status: 'install ok half-installed' },
      { name: 'd', version: '1', status: 'hold ok installed' },
    );
    assert.deepEqual(
      (await packages(status)).packages.map(({ name }) => name),
      ['a', 'd'],
    );
  });

  it('keeps both architectures of one package, and the later of two equal stanzas', async () => {
    const status = dpkgStatus(
      { name: 'libc6', version: '2.35' },
      { name: 'libc6', version: '2.36', arch: 'i386' },
      { name: 'libc6', version: '2.36' },
    );
    const found = (await packages(status)).packages;
    assert.deepEqual(
      found.map(({ version, arch }) => `${version} ${arch}`),
      ['2.36 amd64', '2.36 i386'],
    );
  });

  it('reads keys of any case, CRLF, a missing last newline and bytes that are not UTF-8', async () => {
    const text =
      'PACKAGE: a\r\nstatus: install ok installed\r\nversion: 1\r\nMaintainer: M\xfcller\r\narchitecture: all\r\n\r\n\r\nPackage: b';
    const { packages: found } = await packages(Buffer.from(text, 'latin1'));
    assert.deepEqual(
      found.map(({ name, version }) => `${name} ${version}`),
      ['a 1'],
    );
  });

  it('leaves out a stanza that lacks a field, with a warning', async () => {
    const status = `Package: a\nStatus: install ok installed\nArchitecture: all\n\n${dpkgStatus({ name: 'b', version: '1' })}`;
    const { packages: found, warnings } = await packages(status);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['b'],
    );
    assert.deepEqual(warnings, [`${STATUS}: stanza of package "a" has no Version`]);
  });

  it('leaves out a stanza with an absurd field, and stops at a hundred thousand packages', async () => {
    const { packages: found, warnings } = await packages(dpkgStatus({ name: 'a'.repeat(300), version: '1' }));
    assert.deepEqual(found, []);
    assert.match(warnings[0] ?? '', /has a field of more than 255 characters$/);
    const stanza = (index: number) =>
      `Package: p${index}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n`;
    const many = await packages(Array.from({ length: 100_010 }, (_, index) => stanza(index)).join('\n'));
    assert.equal(many.packages.length, 100_000);
    assert.deepEqual(many.warnings, [`${STATUS}: only the first 100000 packages are read`]);
  });

  it('skips the look-alike of vcpkg whole', async () => {
    const vcpkg = `${dpkgStatus({ name: 'zlib', version: '1' })}\n\nPackage: zlib\nFeature: x\nStatus: install ok installed\n`;
    const entries: FixtureEntry[] = [
      ['v/vcpkg/status', vcpkg],
      ['v/vcpkg/info/zlib.list', ''],
    ];
    assert.deepEqual((await indexLayer(entries)).databases, []);
  });

  it('takes a database elsewhere for one only with file lists beside it', async () => {
    const status: FixtureEntry = ['srv/db/status', dpkgStatus({ name: 'a', version: '1' })];
    assert.deepEqual((await indexLayer([status])).databases, []);
    const { databases } = await indexLayer([status, ['srv/db/info/a.list', '/.\n/usr\n']]);
    assert.deepEqual(
      databases.map(({ path, root }) => ({ path, root })),
      [{ path: 'srv/db/status', root: '' }],
    );
  });

  it('knows the root of a database in a chroot', async () => {
    const { databases } = await packages(dpkgStatus({ name: 'a', version: '1' }), `srv/root/${STATUS}`);
    assert.equal(databases[0]?.root, 'srv/root');
  });

  it('reports an empty database as one', async () => {
    assert.equal((await packages('')).databases.length, 1);
  });

  it('lists the Python metadata that packages own, and no other files', async () => {
    const { ownership } = await indexLayer([
      [
        'var/lib/dpkg/info/python3-six.list',
        '/.\n/usr/bin/x\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info\n',
      ],
      ['var/lib/dpkg/info/bash.list', '/.\n/bin/bash\n'],
    ]);
    assert.deepEqual(ownership, [
      {
        path: 'var/lib/dpkg/info/python3-six.list',
        database: STATUS,
        files: ['usr/lib/python3/dist-packages/six-1.16.0.egg-info'],
      },
    ]);
  });
});

describe('distroless packages', () => {
  const openssl =
    'Package: libssl3\nVersion: 3.0.15-1\nArchitecture: amd64\nSource: openssl (3.0.1-1)\nDescription: x\n';

  it('reads each file of status.d as a database, without a Status', async () => {
    const { databases, ownership } = await indexLayer([
      ['var/lib/dpkg/status.d/bGlic3NsMw', openssl],
      ['var/lib/dpkg/status.d/base', 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n'],
      [
        'var/lib/dpkg/status.d/base.md5sums',
        'd41d8cd98f00b204e9800998ecf8427e  usr/lib/python3/dist-packages/x.egg-info\n',
      ],
    ]);
    assert.deepEqual(
      databases.map(({ path, indexer }) => `${indexer} ${path}`),
      ['dpkg-distroless var/lib/dpkg/status.d/bGlic3NsMw', 'dpkg-distroless var/lib/dpkg/status.d/base'],
    );
    assert.deepEqual(databases[0]?.packages[0]?.source, { name: 'openssl', version: '3.0.1-1' });
    assert.deepEqual(databases[1]?.packages[0]?.source, { name: 'base-files', version: '12.4' });
    assert.deepEqual(ownership[0]?.files, ['usr/lib/python3/dist-packages/x.egg-info']);
  });
});
