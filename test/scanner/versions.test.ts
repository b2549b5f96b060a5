import assert from 'node:assert/strict';

import { compareDebianVersions } from '../../scanner/versions/debian-version';
import { normalizedPep440, parsePep440 } from '../../scanner/versions/pep440';
import { compareVersions, isVersion, type VersionKind } from '../../scanner/versions/version-order';
import { DEBIAN_FACTS, parseFacts, PEP440_FACTS } from './version-facts';

const SIGNS = { '<': -1, '=': 0, '>': 1 } as const;
const FACTS: [VersionKind, string][] = [
  ['deb', DEBIAN_FACTS],
  ['pep440', PEP440_FACTS],
];

/** A generator with a fixed seed, so that a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomVersions(pieces: readonly string[], count: number): string[] {
  const random = randomNumbers(7);
  return Array.from({ length: count }, () => {
    let version = String(random(4));
    for (let left = random(6); left > 0; left -= 1) version += pieces[random(pieces.length)];
    return version;
  });
}

/** A sort by an order that is not total leaves neighbours or distant pairs in disagreement with it. */
function assertTotalOrder(kind: VersionKind, versions: string[]): void {
  const compare = (a: string, b: string) =>
    compareVersions(kind, a, b) ?? assert.fail(`${a} and ${b} have no order`);
  const sorted = [...versions].sort(compare);
  const random = randomNumbers(11);
  for (let round = 0; round < 20_000; round += 1) {
    const at = random(sorted.length);
    const after = at + random(sorted.length - at);
    const [a = '', b = ''] = [sorted[at], sorted[after]];
    assert.ok(compare(a, b) <= 0 && compare(b, a) >= 0, `${a} is sorted before ${b}`);
    assert.equal(compare(a, b), -compare(b, a) || 0, `${a} against ${b} is not the reverse`);
  }
}

for (const [kind, facts] of FACTS) {
  describe(`${kind} versions`, () => {
    for (const [left, sign, right] of parseFacts(facts)) {
      it(`${left} ${sign} ${right}`, () => {
        assert.equal(compareVersions(kind, left, right), SIGNS[sign]);
        assert.equal(compareVersions(kind, right, left), -SIGNS[sign] || 0);
      });
    }
  });
}

describe('orders of versions', () => {
  it('are total for Debian', () => {
    const pieces = ['.', '~', '+', '-', 'a', 'Z', '0', '1', '10', '07', '+deb12u', '~rc', ':'];
    const versions = randomVersions(pieces, 10_000).filter((version) => isVersion('deb', version));
    assert.ok(versions.length > 5_000);
    assertTotalOrder('deb', versions);
  });

  it('are total for Python', () => {
    const pieces = [
      '.1',
      '.0',
      '.10',
      'a1',
      'b',
      'rc2',
      '.post1',
      '.dev3',
      '+x.1',
      '-1',
      '.dev',
      '+5',
      '.007',
    ];
    const versions = randomVersions(pieces, 40_000).filter((version) => isVersion('pep440', version));
    assert.ok(versions.length > 10_000);
    assertTotalOrder('pep440', versions.slice(0, 10_000));
  });

  it('hold for numbers of any size', () => {
    const big = '9'.repeat(300);
    assert.equal(compareVersions('deb', `1.${big}`, `1.${big}0`), -1);
    assert.equal(compareVersions('pep440', `1.${big}`, `1.${big}0`), -1);
  });

  for (const foreign of ['', ' ', 'a b', '1.0_1!', '\u0000', 'ü', '1.0-1 (2)', `${'1.'.repeat(5_000)}x!`]) {
    it(`say nothing about ${JSON.stringify(foreign.slice(0, 12))}`, () => {
      assert.equal(compareVersions('deb', foreign, '1.0'), undefined);
      assert.equal(compareVersions('pep440', '1.0', foreign), undefined);
      assert.equal(typeof compareDebianVersions(foreign, '1.0'), 'number');
    });
  }

  for (const invalid of [
    '1.0.x',
    '1.0beta.gamma',
    '2004d',
    '1.0+',
    '1..0',
    '1.0-1-1',
    '!1.0',
    '1.0.dev1.dev2',
  ]) {
    it(`say nothing about ${invalid} as a Python version`, () =>
      assert.equal(parsePep440(invalid), undefined));
  }
});

describe('normalizedPep440', () => {
  it('is the ten numbers of Clair', () => {
    assert.equal(normalizedPep440('2.19.1'), 'pep440:0.2.19.1.0.0.0.0.0.0');
    assert.equal(normalizedPep440('1!2.0rc3.post4'), 'pep440:1.2.0.0.0.0.-1.3.4.0');
    assert.equal(normalizedPep440('nothing'), '');
  });
});
