/**
 * Scores of the macro-vectors of CVSS 4.0 (scanning spec 1.5): a row is EQ1 EQ2 EQ3; the nine columns are EQ4 EQ5 from 00 to 22;
 * a cell is the score for EQ6 0 and 1, `-` where no vector gets there.
 */
export const MACRO_VECTOR_SCORES: Readonly<Record<string, string>> = {
  '000': '10/9.9 9.8/9.5 9.5/9.2 10/9.6 9.3/8.7 9.1/8.1 9.3/9 8.9/8 8.1/6.8',
  '001': '9.8/9.5 9.5/9.2 9/8.4 9.3/9.2 8.9/8.1 8.1/6.5 8.8/8 7.8/7 6.9/4.8',
  '002': '-/9.2 -/8.2 -/7.2 -/7.9 -/6.9 -/5 -/6.9 -/5.5 -/2.7',
  '010': '9.9/9.7 9.5/9.2 9.2/8.5 9.5/9.1 9/8.3 8.4/7.1 9.2/8.1 8.2/7.1 7.2/5.3',
  '011': '9.5/9.3 9.2/8.5 8.5/7.3 9.2/8.2 8/7.2 7/5.9 8.4/7 7.1/5.2 5/3',
  '012': '-/8.6 -/7.5 -/5.2 -/7.1 -/5.2 -/2.9 -/6.3 -/2.9 -/1.7',
  '100': '9.8/9.5 9.4/8.7 9.1/8.1 9.4/8.9 8.6/7.4 7.7/6.4 8.7/7.5 7.4/6.3 6.3/4.9',
  '101': '9.4/8.9 8.8/7.7 7.6/6.7 8.6/7.6 7.4/5.8 5.9/5 7.2/5.7 5.7/5.2 5.2/2.5',
  '102': '-/8.3 -/7 -/5.4 -/6.5 -/5.8 -/2.6 -/5.3 -/2.1 -/1.3',
  '110': '9.5/9 8.8/7.6 7.6/7 9/7.7 7.5/6.2 6.1/5.3 7.7/6.6 6.8/5.9 5.2/3',
  '111': '8.9/7.8 7.6/6.7 6.2/5.8 7.4/5.9 5.7/5.7 4.7/2.3 6.1/5.2 5.7/2.9 2.4/1.6',
  '112': '-/7.1 -/5.9 -/3 -/5.8 -/2.6 -/1.5 -/2.3 -/1.3 -/0.6',
  '200': '9.3/8.7 8.6/7.2 7.5/5.8 8.6/7.4 7.4/6.1 5.6/3.4 7/5.4 5.2/4 4/2.2',
  '201': '8.5/7.5 7.4/5.5 6.2/5.1 7.2/5.7 5.5/4.1 4.6/1.9 5.3/3.6 3.4/1.9 1.9/0.8',
  '202': '-/6.4 -/5.1 -/2 -/4.7 -/2.1 -/1.1 -/2.4 -/0.9 -/0.4',
  '210': '8.8/7.5 7.3/5.3 6/5 7.3/5.5 5.9/4 4.1/2 5.4/4.3 4.5/2.2 2/1.1',
  '211': '7.5/5.5 5.8/4.5 4/2.1 6.1/5.1 4.8/1.8 2/0.9 4.6/1.8 1.7/0.7 0.8/0.2',
  '212': '-/5.3 -/2.4 -/1.4 -/2.4 -/1.2 -/0.5 -/1 -/0.3 -/0.1',
};

/** Values of a metric, worst first. */
export const LEVEL_ORDERS = {
  AV: 'NALP',
  PR: 'NLH',
  UI: 'NPA',
  AC: 'LH',
  AT: 'NP',
  VC: 'HLN',
  VI: 'HLN',
  VA: 'HLN',
  SC: 'HLN',
  SI: 'SHLN',
  SA: 'SHLN',
  CR: 'HML',
  IR: 'HML',
  AR: 'HML',
} as const;

export interface MaximalVectors {
  /** The worst vectors of the macro-vector, values in the order of `metrics`. */
  metrics: ReadonlyArray<keyof typeof LEVEL_ORDERS>;
  vectors: readonly string[];
  depth: number;
}

const EQ1 = ['AV', 'PR', 'UI'] as const;
const EQ2 = ['AC', 'AT'] as const;
const EQ36 = ['VC', 'VI', 'VA', 'CR', 'IR', 'AR'] as const;
const EQ4 = ['SC', 'SI', 'SA'] as const;

/** By EQ and its digit; `36` has the digits of EQ3 and EQ6. EQ5 is not here: its distance is always zero. */
export const MAXIMAL_VECTORS: Readonly<Record<string, MaximalVectors>> = {
  '1:0': { metrics: EQ1, vectors: ['NNN'], depth: 1 },
  '1:1': { metrics: EQ1, vectors: ['ANN', 'NLN', 'NNP'], depth: 4 },
  '1:2': { metrics: EQ1, vectors: ['PNN', 'ALP'], depth: 5 },
  '2:0': { metrics: EQ2, vectors: ['LN'], depth: 1 },
  '2:1': { metrics: EQ2, vectors: ['HN', 'LP'], depth: 2 },
  '4:0': { metrics: EQ4, vectors: ['HSS'], depth: 6 },
  '4:1': { metrics: EQ4, vectors: ['HHH'], depth: 5 },
  '4:2': { metrics: EQ4, vectors: ['LLL'], depth: 4 },
  '36:00': { metrics: EQ36, vectors: ['HHHHHH'], depth: 7 },
  '36:01': { metrics: EQ36, vectors: ['HHLMMH', 'HHHMMM'], depth: 6 },
  '36:10': { metrics: EQ36, vectors: ['LHHHHH', 'HLHHHH'], depth: 8 },
  '36:11': { metrics: EQ36, vectors: ['LHLHMH', 'LHHHMM', 'HLHMHM', 'HLLMHH', 'LLHHHM'], depth: 8 },
  '36:21': { metrics: EQ36, vectors: ['LLLHHH'], depth: 10 },
};
