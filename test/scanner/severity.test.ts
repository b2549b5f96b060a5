import assert from 'node:assert/strict';

import type { Severity } from '../../model/severities';
import { cvssBaseScore, cvssLevel } from '../../scanner/severity/cvss-level';
import { cvss4BaseScore, cvss4Score } from '../../scanner/severity/cvss4';
import { normalizeSeverity, type SeveritySource } from '../../scanner/severity/severity-tables';

/** The rows of scanning spec 1.2, written again by hand. */
const TABLES: Record<SeveritySource, Record<string, Severity>> = {
  alpine: { high: 'Unknown' },
  aws: { low: 'Low', medium: 'Medium', important: 'High', critical: 'Critical' },
  debian: {
    Unimportant: 'Low',
    Low: 'Medium',
    Medium: 'High',
    High: 'Critical',
    'low**': 'Unknown',
    'not yet assigned': 'Unknown',
    'end-of-life': 'Unknown',
  },
  oracle: { 'N/A': 'Unknown', LOW: 'Low', MODERATE: 'Medium', IMPORTANT: 'High', CRITICAL: 'Critical' },
  photon: { Low: 'Low', Moderate: 'Medium', Important: 'High', Critical: 'Critical' },
  rhel: { None: 'Unknown', Low: 'Low', Moderate: 'Medium', Important: 'High', Critical: 'Critical' },
  suse: { None: 'Unknown', Low: 'Low', Moderate: 'Medium', Important: 'High', Critical: 'Critical' },
  ubuntu: {
    Untriaged: 'Unknown',
    Negligible: 'Negligible',
    Low: 'Low',
    Medium: 'Medium',
    High: 'High',
    Critical: 'Critical',
  },
  osv: {
    UNKNOWN: 'Unknown',
    NEGLIGIBLE: 'Negligible',
    LOW: 'Low',
    MODERATE: 'Medium',
    MEDIUM: 'Medium',
    HIGH: 'High',
    CRITICAL: 'Critical',
  },
};

describe('normalizeSeverity', () => {
  for (const [source, rows] of Object.entries(TABLES)) {
    for (const [word, level] of Object.entries(rows)) {
      it(`${source}: ${word} is ${level}, whatever its case and blanks`, () => {
        for (const spelling of [word, word.toUpperCase(), word.toLowerCase(), `  ${word}\n`]) {
          assert.equal(normalizeSeverity(source as SeveritySource, spelling), level);
        }
      });
    }
    for (const word of ['', '  ', 'Defcon1', 'constructor', '__proto__']) {
      it(`${source}: "${word}" is Unknown`, () =>
        assert.equal(normalizeSeverity(source as SeveritySource, word), 'Unknown'));
    }
  }
});

describe('cvssLevel', () => {
  const bounds: [number, Severity, Severity][] = [
    [0, 'Negligible', 'Low'],
    [0.1, 'Low', 'Low'],
    [3.9, 'Low', 'Low'],
    [4, 'Medium', 'Medium'],
    [6.9, 'Medium', 'Medium'],
    [7, 'High', 'High'],
    [8.9, 'High', 'High'],
    [9, 'Critical', 'High'],
    [10, 'Critical', 'High'],
  ];
  for (const [score, v3, v2] of bounds) {
    it(`${score} is ${v3} by v3 and ${v2} by v2`, () => {
      assert.equal(cvssLevel('v3', score), v3);
      assert.equal(cvssLevel('v4', score), v3);
      assert.equal(cvssLevel('v2', score), v2);
    });
  }

  it('knows no level for what is no score', () => {
    for (const score of [-1, 10.1, Number.NaN]) assert.equal(cvssLevel('v3', score), 'Unknown');
  });
});

const V3_NAMES = ['AV', 'AC', 'PR', 'UI', 'S', 'C', 'I', 'A'];
const V3_FACTS = `N/L/N/N/U/H/H/H 9.8 ; N/L/N/N/U/H/N/N 7.5 ; N/L/L/N/C/L/L/N 6.4 ; N/H/N/R/U/L/N/N 3.1 ; N/L/L/N/C/H/H/H 9.9 ; N/L/H/N/U/H/H/H 7.2
N/H/N/N/C/N/H/N 6.8 ; A/L/N/N/C/H/N/H 9.3 ; P/L/N/N/U/N/H/N 4.6 ; N/L/N/N/C/H/H/H 10.0 ; P/H/H/R/U/N/N/N 0.0 ; N/L/N/R/C/L/L/N 6.1
L/L/H/N/C/H/H/H 8.2 ; N/L/N/N/U/H/L/L 8.6 ; N/L/N/N/U/N/N/H 7.5`;

describe('CVSS 3', () => {
  for (const fact of V3_FACTS.split(/[;\n]/)) {
    const [values = '', score] = fact.trim().split(' ');
    const metrics = values.split('/').map((value, at) => `${V3_NAMES[at]}:${value}`);
    it(`scores ${values} ${score}`, () => {
      for (const version of ['3.0', '3.1']) {
        assert.equal(cvssBaseScore('v3', `CVSS:${version}/${metrics.join('/')}`), Number(score));
        assert.equal(cvssBaseScore('v3', `CVSS:${version}/${metrics.toReversed().join('/')}`), Number(score));
      }
    });
  }

  const VALID = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';
  it('ignores temporal and environmental metrics', () => {
    assert.equal(cvssBaseScore('v3', `${VALID}/E:U/RL:O/RC:U/CR:L/MAV:P/MC:N`), 9.8);
  });

  const invalid: [string, string][] = [
    ['a repeated metric', `${VALID}/AV:N`],
    ['a missing metric', VALID.replace('/A:H', '')],
    ['an unknown metric', `${VALID}/XX:H`],
    ['an unknown value', VALID.replace('AV:N', 'AV:Q')],
    ['a value of two letters', VALID.replace('C:H', 'C:HL')],
    ['another version', VALID.replace('3.1', '3.2')],
    ['no prefix', VALID.slice('CVSS:3.1/'.length)],
    ['an empty part', `${VALID}/`],
    ['a prototype key', `${VALID}/constructor:x`],
    ['nothing', ''],
  ];
  for (const [what, vector] of invalid) {
    it(`refuses ${what}`, () => assert.equal(cvssBaseScore('v3', vector), undefined));
  }
});

describe('CVSS 2', () => {
  const facts: [string, number][] = [
    ['AV:N/AC:L/Au:N/C:N/I:N/A:C', 7.8],
    ['AV:N/AC:L/Au:N/C:C/I:C/A:C', 10],
    ['AV:L/AC:H/Au:N/C:C/I:C/A:C', 6.2],
    [' (AV:L/AC:H/Au:N/C:C/I:C/A:C) ', 6.2],
    ['AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C/CDP:ND/TD:ND/CR:M/IR:M/AR:H', 6.2],
    ['AV:N/AC:L/Au:N/C:N/I:N/A:N', 0],
  ];
  for (const [vector, score] of facts) {
    it(`scores ${vector} ${score}`, () => assert.equal(cvssBaseScore('v2', vector), score));
  }

  for (const vector of [
    '',
    'AC:L/AV:N/Au:N/C:N/I:N/A:C',
    'AV:N/AC:L/Au:N/C:N/I:N',
    'AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F',
    'AV:N/AC:L/Au:N/C:N/I:N/A:H',
  ]) {
    it(`refuses "${vector}"`, () => assert.equal(cvssBaseScore('v2', vector), undefined));
  }
});

describe('CVSS 4', () => {
  const facts: [string, number][] = [
    ['AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 7.3],
    ['AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 7.7],
    ['AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U', 5.2],
    ['AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 9.3],
    ['AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H', 10],
    ['AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:L', 8.7],
    ['AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:L/E:U', 6.6],
    ['AV:L/AC:L/AT:N/PR:N/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N', 4.6],
    ['AV:A/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:N/SC:N/SI:N/SA:N', 8.6],
    ['AV:A/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:N/SC:N/SI:N/SA:N/MSI:S', 9.7],
    ['AV:A/AC:H/AT:N/PR:H/UI:A/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N/E:U', 0.1],
    ['AV:P/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 5.4],
    ['AV:N/AC:L/AT:N/PR:L/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N', 7.1],
    ['AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N', 0],
  ];
  for (const [vector, score] of facts) {
    it(`scores ${vector} ${score}`, () => assert.equal(cvss4Score(`CVSS:4.0/${vector}`), score));
  }

  it('has a base score without threat and environment', () => {
    assert.equal(
      cvss4BaseScore('CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U/U:Red'),
      7.7,
    );
  });

  it('refuses another order, missing metrics and unknown values', () => {
    for (const vector of [
      'CVSS:4.0/AC:L/AV:N/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N',
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N',
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:S/SA:N',
      'AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N',
    ]) {
      assert.equal(cvss4Score(vector), undefined, vector);
    }
  });
});

describe('cvssBaseScore', () => {
  it('takes a bare number', () => {
    assert.equal(cvssBaseScore('v3', '9.1'), 9.1);
    assert.equal(cvssBaseScore('v2', ' 10 '), 10);
    assert.equal(cvssBaseScore('v3', '11'), undefined);
  });

  it('survives any text', () => {
    for (const version of ['v2', 'v3', 'v4'] as const) {
      for (const text of ['CVSS:', 'CVSS:3.1/', ':::///', 'CVSS:4.0/AV', '\u0000', 'NaN', '-1', '1e1']) {
        assert.equal(cvssBaseScore(version, text), undefined, text);
      }
    }
  });
});
