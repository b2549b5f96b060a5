import assert from 'node:assert/strict';

import type { Advisory } from '../../scanner/advisories/advisory';
import { lookupKeys, matchReport } from '../../scanner/matching/match-report';
import type { IndexReport } from '../../scanner/reports/index-report';
import { osvFixture, trackerFixture } from './advisory-fixtures';
import { distInfo, dpkgStatus, indexImage } from './layer-fixtures';

const slipgate = () => [
  ...osvFixture('PYSEC-2099-1').advisories,
  ...osvFixture('GHSA-aaaa-bbbb-cccc').advisories,
];

function debianImage(versionId: string, ...stanzas: Parameters<typeof dpkgStatus>): Promise<IndexReport> {
  return indexImage([
    ['etc/os-release', `ID=debian\nVERSION_ID="${versionId}"\n`],
    ['var/lib/dpkg/status', dpkgStatus(...stanzas)],
  ]);
}

/** `package advisory severity fixedBy` of every finding. */
function lines(report: IndexReport, advisories: Advisory[]): string[] {
  const { findings } = matchReport(report, advisories);
  return findings.map((found) =>
    [found.packageName, found.advisoryId, found.severity, found.fixedBy].join(' ').trim(),
  );
}

describe('matching Debian packages', () => {
  const tracker = trackerFixture();
  const finds = async (versionId: string, ...stanzas: Parameters<typeof dpkgStatus>) =>
    lines(await debianImage(versionId, ...stanzas), tracker);
  const libssl = (version: string) => ({ name: 'libssl1.1', version, source: 'openssl' });

  it('goes by the source package and is strict at the fix', async () => {
    assert.deepEqual(await finds('9', libssl('1.1.0k-1~deb9u1')), [
      'libssl1.1 CVE-2019-1563 Medium 1.1.0l-1~deb9u1',
    ]);
    assert.deepEqual(await finds('9', libssl('1.1.0l-1~deb9u1')), []);
    assert.deepEqual(await finds('9', { name: 'e2fsprogs', version: '1.43.4-2' }), [
      'e2fsprogs CVE-2019-5094 High 1.43.4-2+deb9u1',
    ]);
  });

  it('compares the version of the source, not of the binary', async () => {
    const bsdutils = {
      name: 'bsdutils',
      version: '1:2.38.1-5+deb12u3',
      source: 'util-linux (2.38.1-5+deb12u3)',
    };
    assert.deepEqual(await finds('12', bsdutils), ['bsdutils CVE-2099-0002 Critical 2.38.1-5+deb12u9']);
    assert.deepEqual(await finds('12', { ...bsdutils, source: 'util-linux (2.38.1-5+deb12u9)' }), []);
    // The rebuild +b1 is above the fix, the source is the fix itself.
    assert.deepEqual(
      await finds('12', { name: 'libidn2-0', version: '2.3.3-1+b1', source: 'libidn2 (2.3.3-1)' }),
      [],
    );
    assert.deepEqual(
      await finds('12', { name: 'libidn2-0', version: '2.3.3-1+b1', source: 'libidn2 (2.3.3-1~)' }),
      ['libidn2-0 CVE-2019-18224 Unknown 2.3.3-1'],
    );
  });

  it('finds what has no fix at every version', async () => {
    const found = await finds(
      '10',
      { name: 'libidn2-0', version: '2.0.5-1', source: 'libidn2' },
      { name: 'bash', version: '99' },
    );
    assert.deepEqual(found, ['bash CVE-2019-18276 Low', 'libidn2-0 CVE-2019-18224 Critical 2.0.5-1+deb10u1']);
  });

  it('keeps releases apart', async () => {
    assert.deepEqual(await finds('11', libssl('1.1.0k-1~deb9u1')), []);
    assert.deepEqual(await finds('', libssl('1.1.0k-1~deb9u1')), []);
  });

  it('does not take a binary for a source of the same name', async () => {
    assert.deepEqual(await finds('10', { name: 'bash', version: '5.0', source: 'bash-builds' }), []);
  });

  it('says why', async () => {
    const { findings } = matchReport(await debianImage('9', libssl('1.1.0k-1')), tracker);
    assert.equal(findings[0]?.reason, 'openssl 1.1.0k-1: < 1.1.0l-1~deb9u1');
    assert.equal(findings[0]?.matcher, 'debian-matcher');
  });

  it('counts a version that has no order and finds nothing', async () => {
    const { findings, incomparableCount } = matchReport(await debianImage('9', libssl('1 0')), tracker);
    assert.deepEqual([findings.length, incomparableCount], [0, 1]);
  });

  it('drops an advisory fixed in 0', async () => {
    const advisory = tracker.find(({ namespace }) => namespace === 'debian:9');
    assert.ok(advisory);
    const never: Advisory = {
      ...advisory,
      rule: { type: 'fixed-in', versionKind: 'deb', fixedVersion: '0' },
    };
    assert.deepEqual(lines(await debianImage('9', libssl('1.0')), [never]), []);
  });
});

describe('matching Python packages', () => {
  const image = (...projects: [string, string][]) =>
    indexImage(projects.map(([name, version]) => distInfo(name, version)));

  it('folds names and gives the fix of the stretch', async () => {
    assert.deepEqual(lines(await image(['Slip_Gate', '4.0.1']), osvFixture('PYSEC-2099-1').advisories), [
      'slip-gate PYSEC-2099-1 High 4.0.7',
    ]);
  });

  it('matches a version that is not PEP 440 by its text only', async () => {
    const { advisories } = osvFixture('PYSEC-2099-3');
    assert.deepEqual(lines(await image(['onegate', '2004d']), advisories), ['onegate PYSEC-2099-3 Unknown']);
    assert.deepEqual(lines(await image(['onegate', '2004e']), advisories), []);
  });

  it('shows one finding for one issue in several databases, named by the own one', async () => {
    for (const advisories of [slipgate(), slipgate().reverse()]) {
      const { findings } = matchReport(await image(['slip-gate', '3.0']), advisories);
      assert.equal(findings.length, 1);
      assert.equal(findings[0]?.advisoryId, 'PYSEC-2099-1');
      assert.equal(findings[0]?.severity, 'High');
      assert.deepEqual(findings[0]?.aliases, ['CVE-2099-0001', 'GHSA-aaaa-bbbb-cccc']);
    }
  });

  it('takes the level of the other record where the own one has none', async () => {
    const [own, other] = slipgate();
    assert.ok(own && other);
    const unknown: Advisory = {
      ...own,
      aliases: ['CVE-2099-0001'],
      severity: 'Unknown',
      cvssScore: null,
      cvssVector: '',
    };
    const { findings } = matchReport(await image(['slip-gate', '3.0']), [other, unknown]);
    assert.deepEqual(
      findings.map(({ advisoryId, severity }) => [advisoryId, severity]),
      [['PYSEC-2099-1', 'Medium']],
    );
  });

  it('keeps two records of one database that share a CVE', async () => {
    const [own] = slipgate();
    assert.ok(own);
    const { findings } = matchReport(await image(['slip-gate', '3.0']), [
      own,
      { ...own, advisoryId: 'PYSEC-2099-9' },
    ]);
    assert.equal(findings.length, 2);
  });

  it('shows an advisory with several rows once, at its worst', async () => {
    const [own] = slipgate();
    assert.ok(own);
    const { findings } = matchReport(await image(['slip-gate', '3.0']), [{ ...own, severity: 'Low' }, own]);
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      ['High'],
    );
  });

  it('never crosses ecosystems', async () => {
    const [own] = slipgate();
    assert.ok(own);
    assert.deepEqual(lines(await image(['slip-gate', '3.0']), [{ ...own, namespace: 'npm' }]), []);
    assert.deepEqual(lines(await debianImage('12', { name: 'slip-gate', version: '3.0' }), [own]), []);
  });

  it('orders by package, version, level and advisory', async () => {
    const [own] = slipgate();
    assert.ok(own);
    const advisories: Advisory[] = [
      { ...own, advisoryId: 'PYSEC-B', severity: 'Low' },
      { ...own, advisoryId: 'PYSEC-A', severity: 'Low' },
      { ...own, advisoryId: 'PYSEC-C', severity: 'Critical' },
      ...osvFixture('PYSEC-2099-2').advisories,
    ];
    assert.deepEqual(lines(await image(['slip-gate', '3.0'], ['lastgate', '1.11.0']), advisories), [
      'lastgate PYSEC-2099-2 Unknown',
      'slip-gate PYSEC-C Critical 3.2.15',
      'slip-gate PYSEC-A Low 3.2.15',
      'slip-gate PYSEC-B Low 3.2.15',
    ]);
  });
});

describe('lookupKeys', () => {
  it('names packages and their sources, each once', async () => {
    const report = await indexImage([
      ['etc/os-release', 'ID=debian\nVERSION_ID=12\n'],
      [
        'var/lib/dpkg/status',
        dpkgStatus({ name: 'libssl3', version: '1', source: 'openssl' }, { name: 'openssl', version: '1' }),
      ],
      distInfo('PyYAML', '5.3'),
      distInfo('PyYAML', '5.3', 'opt/site'),
    ]);
    assert.deepEqual(lookupKeys(report), [
      { namespace: 'debian:12', packageName: 'libssl3' },
      { namespace: 'debian:12', packageName: 'openssl' },
      { namespace: 'pypi', packageName: 'pyyaml' },
    ]);
  });

  it('asks nothing for packages of a distribution without advisories', async () => {
    assert.deepEqual(
      lookupKeys(await indexImage([['var/lib/dpkg/status', dpkgStatus({ name: 'a', version: '1' })]])),
      [],
    );
  });
});
