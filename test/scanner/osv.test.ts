import assert from 'node:assert/strict';

import type { RangeEvent } from '../../scanner/advisories/advisory';
import { parseOsv } from '../../scanner/advisories/osv';
import { evaluateRule } from '../../scanner/matching/evaluate-rule';
import { osvFixture } from './advisory-fixtures';

const V2 = 'AV:N/AC:L/Au:N/C:C/I:C/A:C';
const V3 = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H';
const V4 = 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N';
const PACKAGE = { ecosystem: 'PyPI', name: 'x' };

function record(affected: object, more: object = {}) {
  return { id: 'X-1', affected: [{ package: PACKAGE, ...affected }], ...more };
}

function range(...events: Partial<Record<RangeEvent['type'] | 'limit', string>>[]) {
  return { ranges: [{ type: 'ECOSYSTEM', events }] };
}

/** Fix of an affected version, `-` for one that is not affected. */
function verdicts(affected: object, ...versions: string[]): string[] {
  const [advisory] = parseOsv(record(affected)).advisories;
  assert.ok(advisory);
  return versions.map((version) => {
    const verdict = evaluateRule(advisory.rule, version);
    return verdict.outcome === 'affected' ? verdict.fixedBy : verdict.outcome === 'unaffected' ? '-' : '?';
  });
}

describe('parseOsv', () => {
  it('makes an advisory of each affected package of a known ecosystem', () => {
    const { outcome, advisories } = osvFixture('PYSEC-2099-1');
    assert.equal(outcome, 'loaded');
    assert.deepEqual(advisories, [
      {
        updater: 'osv/pypi',
        namespace: 'pypi',
        packageName: 'slip-gate',
        packageKind: 'binary',
        advisoryId: 'PYSEC-2099-1',
        aliases: ['CVE-2099-0001', 'GHSA-aaaa-bbbb-cccc'],
        rule: {
          type: 'ranges',
          versionKind: 'pep440',
          ranges: [
            {
              events: [
                { type: 'introduced', version: '0' },
                { type: 'fixed', version: '3.2.15' },
                { type: 'introduced', version: '4.0' },
                { type: 'fixed', version: '4.0.7' },
              ],
              limits: [],
            },
          ],
          versions: ['5.0.0'],
        },
        fixedVersion: '',
        severity: 'High',
        severityText: V3,
        cvssVector: V3,
        cvssScore: 7.5,
        description: 'Slipgate parses too much.',
        links: 'https://example.invalid/advisory https://example.invalid/notes',
        issuedMs: Date.UTC(2099, 0, 2, 3, 4, 5),
      },
    ]);
  });

  it('does not load a withdrawn record', () => {
    const { outcome, advisories } = osvFixture('PYSEC-2099-4');
    assert.deepEqual([outcome, advisories], ['withdrawn', []]);
  });

  it('takes each affected element on its own', () => {
    const [advisory, ...others] = osvFixture('GHSA-aaaa-bbbb-cccc').advisories;
    assert.equal(others.length, 0);
    assert.ok(!JSON.stringify(advisory).includes('9.9.9'));
    assert.equal(advisory?.severity, 'Medium');
  });

  it('leaves out ecosystems that are not matched', () => {
    assert.equal(
      parseOsv(record({ package: { ecosystem: 'npm', name: 'x' }, ...range({ introduced: '0' }) })).outcome,
      'unsupported',
    );
    assert.equal(
      parseOsv(record({ package: { ecosystem: 'constructor', name: 'x' } })).outcome,
      'unsupported',
    );
    assert.equal(parseOsv({ id: 'X-1' }).outcome, 'unsupported');
  });

  it('reads an ecosystem with a suffix', () => {
    assert.equal(
      parseOsv(record({ package: { ecosystem: 'PyPI:x', name: 'x' }, versions: ['1'] })).outcome,
      'loaded',
    );
  });

  for (const [what, affected] of [
    ['nothing at all', {}],
    ['only a GIT range', { ranges: [{ type: 'GIT', events: [{ introduced: '0' }] }] }],
    ['a range without introduced', range({ fixed: '1' })],
  ] as const) {
    it(`can use no element with ${what}`, () => assert.equal(parseOsv(record(affected)).outcome, 'unusable'));
  }

  it('skips a range whose versions it cannot read, with a warning', () => {
    const { outcome, warnings } = parseOsv(
      record({ ...range({ introduced: '0' }, { fixed: 'soon' }), versions: ['1'] }),
    );
    assert.equal(outcome, 'loaded');
    assert.deepEqual(warnings, ['X-1: a range of x has a version that is not pep440']);
  });

  for (const document of [
    null,
    'text',
    [],
    {},
    { id: '' },
    { id: 'X', affected: 'all' },
    { id: 'X', affected: [{ versions: 3 }] },
  ]) {
    it(`answers ${JSON.stringify(document)} with one warning`, () => {
      const { outcome, warnings } = parseOsv(document);
      assert.deepEqual([outcome, warnings.length], ['invalid', 1]);
    });
  }
});

describe('severity of an OSV record', () => {
  const severityOf = (more: object, affected: object = {}) => {
    const [advisory] = parseOsv(record({ versions: ['1'], ...affected }, more)).advisories;
    return [advisory?.severity, advisory?.cvssScore, advisory?.severityText];
  };
  const vectors = (...types: [string, string][]) => ({
    severity: types.map(([type, score]) => ({ type, score })),
  });

  it('prefers v3 to v4 to v2, whatever their order', () => {
    assert.deepEqual(severityOf(vectors(['CVSS_V2', V2], ['CVSS_V4', V4], ['CVSS_V3', V3])), [
      'High',
      7.5,
      V3,
    ]);
    assert.deepEqual(severityOf(vectors(['CVSS_V2', V2], ['CVSS_V4', V4])), ['Critical', 9.3, V4]);
  });

  it('is High at most by v2 alone', () =>
    assert.deepEqual(severityOf(vectors(['CVSS_V2', V2])), ['High', 10, V2]));

  it('of the affected element goes before that of the record', () => {
    assert.equal(severityOf(vectors(['CVSS_V3', V3]), vectors(['CVSS_V4', V4]))[0], 'Critical');
  });

  it('falls back to the word, then to Unknown', () => {
    assert.deepEqual(severityOf({ database_specific: { severity: 'moderate' } }), [
      'Medium',
      null,
      'moderate',
    ]);
    assert.deepEqual(severityOf({ ...vectors(['CVSS_V3', 'CVSS:3.2/x']), database_specific: {} }), [
      'Unknown',
      null,
      'CVSS:3.2/x',
    ]);
    assert.deepEqual(severityOf({}), ['Unknown', null, '']);
    assert.deepEqual(severityOf({ database_specific: { severity: 5 } }), ['Unknown', null, '']);
  });
});

describe('ranges of an OSV record', () => {
  it('are half-open at a fix, closed at last_affected', () => {
    assert.deepEqual(
      verdicts(range({ introduced: '1.0' }, { fixed: '1.5' }), '0.9', '1.0.dev1', '1.0', '1.4.9', '1.5', '2'),
      ['-', '-', '1.5', '1.5', '-', '-'],
    );
    assert.deepEqual(
      verdicts(range({ introduced: '0' }, { last_affected: '1.11.0' }), '1.11', '1.11.0.post1', '1.12'),
      ['', '-', '-'],
    );
  });

  it('begin with 0 below every version', () => {
    assert.deepEqual(verdicts(range({ introduced: '0' }, { fixed: '1' }), '0', '0.dev1', '0a1'), [
      '1',
      '1',
      '1',
    ]);
  });

  it('may be several stretches, in any order, each with its own fix', () => {
    const events = range({ fixed: '4.0.7' }, { introduced: '4.0' }, { fixed: '3.2.15' }, { introduced: '0' });
    assert.deepEqual(verdicts(events, '3.2.13', '3.2.15', '4.0a1', '4.0', '4.0.7'), [
      '3.2.15',
      '-',
      '-',
      '4.0.7',
      '-',
    ]);
  });

  it('end and begin at one version in that order', () => {
    assert.deepEqual(
      verdicts(
        range({ introduced: '1' }, { introduced: '2' }, { fixed: '2' }, { fixed: '3' }),
        '1',
        '2',
        '3',
      ),
      ['2', '3', '-'],
    );
  });

  it('have no fix when a last_affected ends the stretch, though a later one has', () => {
    assert.deepEqual(
      verdicts(
        range({ introduced: '0' }, { last_affected: '1' }, { introduced: '2' }, { fixed: '3' }),
        '0.5',
        '1',
        '2',
      ),
      ['', '', '3'],
    );
  });

  it('without an end cover every version', () =>
    assert.deepEqual(verdicts(range({ introduced: '0' }), '0', '99'), ['', '']));

  it('are cut by a limit', () => {
    assert.deepEqual(verdicts(range({ introduced: '0' }, { limit: '2' }), '1', '2'), ['', '-']);
    assert.deepEqual(verdicts(range({ introduced: '0' }, { limit: '2' }, { limit: '*' }), '3'), ['']);
  });

  it('give the smallest fix of those that match', () => {
    const ranges = [
      ...range({ introduced: '0' }, { fixed: '2.5' }).ranges,
      ...range({ introduced: '0' }, { fixed: '2.1' }).ranges,
    ];
    assert.deepEqual(verdicts({ ranges }, '2.0', '2.2', '2.5'), ['2.1', '2.5', '-']);
  });

  it('and listed versions both count, by text or by value', () => {
    const affected = { ...range({ introduced: '0' }, { fixed: '1' }), versions: ['0.5', '5.0.0', '2004d'] };
    assert.deepEqual(verdicts(affected, '0.5', '5.0', '5.0.1', '2004d', '2004e'), ['1', '', '-', '', '?']);
  });
});
