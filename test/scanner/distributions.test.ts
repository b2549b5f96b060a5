import assert from 'node:assert/strict';

import { detectDistribution } from '../../scanner/distributions/detect-distribution';
import { parseOsRelease } from '../../scanner/distributions/os-release';
import { BOOKWORM, indexLayer } from './layer-fixtures';

const detect = (text: string) => detectDistribution(parseOsRelease(Buffer.from(text)));

describe('parseOsRelease', () => {
  it('reads quotes, escapes, comments and a missing last newline', () => {
    const text =
      '# a comment\nID=debian\nNAME="Say \\"hi\\" \\$x"\n\nA=\'b # c\'\nB="x" # why\n  C=d  \nVERSION_ID="12"';
    assert.deepEqual(
      [...parseOsRelease(Buffer.from(text))],
      [
        ['ID', 'debian'],
        ['NAME', 'Say "hi" $x'],
        ['A', 'b # c'],
        ['B', 'x'],
        ['C', 'd'],
        ['VERSION_ID', '12'],
      ],
    );
  });

  it('ignores malformed lines', () => {
    const text = 'ID="debian\nwhat is this\n=x\n1A=b\nNAME=two words\nVERSION_ID=12\n';
    assert.deepEqual([...parseOsRelease(Buffer.from(text))], [['VERSION_ID', '12']]);
  });
});

describe('detectDistribution', () => {
  it('reads Debian', () => {
    assert.deepEqual(detect(BOOKWORM), {
      did: 'debian',
      name: 'Debian GNU/Linux',
      version: '12 (bookworm)',
      versionCodeName: 'bookworm',
      versionId: '12',
      prettyName: 'Debian GNU/Linux 12 (bookworm)',
    });
  });

  it('takes the codename from VERSION', () => {
    assert.equal(detect('ID=debian\nVERSION_ID="9"\nVERSION="9 (stretch)"\n')?.versionCodeName, 'stretch');
  });

  it('reads testing and unstable by their codename', () => {
    assert.equal(detect('ID=debian\nVERSION_CODENAME=trixie\n')?.versionId, '13');
    assert.equal(detect('ID=debian\nVERSION_CODENAME=sid\n')?.versionId, 'unstable');
    assert.equal(
      detect('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_ID=""\n')?.versionId,
      '14',
    );
    assert.equal(detect('ID=debian\n'), undefined);
  });

  const others: [string, string, string][] = [
    ['ID=ubuntu\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy', 'ubuntu', '22.04'],
    ['ID=alpine\nVERSION_ID=3.18.4', 'alpine', '3.18'],
    ['ID=alpine\nVERSION_ID=3.21_alpha20240807', 'alpine', 'edge'],
    ['ID=wolfi\nVERSION_ID=20230201', 'wolfi', 'rolling'],
    ['ID="almalinux"\nVERSION_ID="9.3"', 'almalinux', '9'],
    ['ID=\'rocky\'\nVERSION_ID="8"', 'rocky', '8'],
  ];
  for (const [text, did, versionId] of others) {
    it(`reads ${did} ${versionId}`, () => {
      const found = detect(text);
      assert.deepEqual([found?.did, found?.versionId], [did, versionId]);
    });
  }

  it('gives Alpine the name that its advisories are matched by', () => {
    assert.equal(detect('ID=alpine\nVERSION_ID=3.18.4\nPRETTY_NAME="x"')?.prettyName, 'Alpine Linux v3.18');
  });

  it('knows nothing of others', () => {
    assert.equal(detect('ID=plan9\nVERSION_ID=4\n'), undefined);
    assert.equal(detect(''), undefined);
  });
});

describe('distributions of a layer', () => {
  it('are one per root, etc before usr/lib', async () => {
    const { distributions } = await indexLayer([
      ['usr/lib/os-release', 'ID=ubuntu\nVERSION_ID=24.04\n'],
      ['etc/os-release', BOOKWORM],
      ['srv/chroot/usr/lib/os-release', 'ID=alpine\nVERSION_ID=3.20.1\n'],
    ]);
    assert.deepEqual(
      distributions.map(({ root, did }) => `${root}:${did}`),
      [':debian', 'srv/chroot:alpine'],
    );
  });
});
