const BASE: ReadonlyArray<readonly [string, Readonly<Record<string, number>>]> = [
  ['AV', { L: 0.395, A: 0.646, N: 1 }],
  ['AC', { H: 0.35, M: 0.61, L: 0.71 }],
  ['Au', { M: 0.45, S: 0.56, N: 0.704 }],
  ['C', { N: 0, P: 0.275, C: 0.66 }],
  ['I', { N: 0, P: 0.275, C: 0.66 }],
  ['A', { N: 0, P: 0.275, C: 0.66 }],
];

/** Both groups are all-or-nothing and do not take part in the base score. */
const OPTIONAL =
  '(?:/E:(?:U|POC|F|H|ND)/RL:(?:OF|TF|W|U|ND)/RC:(?:UC|UR|C|ND))?' +
  '(?:/CDP:(?:N|L|LM|MH|H|ND)/TD:(?:N|L|M|H|ND)/CR:(?:L|M|H|ND)/IR:(?:L|M|H|ND)/AR:(?:L|M|H|ND))?';
const VECTOR = new RegExp(
  `^${BASE.map(([metric, values]) => `${metric}:([${Object.keys(values).join('')}])`).join('/')}${OPTIONAL}$`,
);

/** Base score of a CVSS 2 vector, surrounding parentheses allowed; undefined when it is none (scanning spec 1.5). */
export function cvss2BaseScore(vector: string): number | undefined {
  const match = VECTOR.exec(vector.trim().replace(/^\((.*)\)$/, '$1'));
  if (!match) return undefined;
  const [av = 0, ac = 0, au = 0, c = 0, i = 0, a = 0] = BASE.map(
    ([, values], at) => values[match[at + 1] ?? ''] ?? 0,
  );
  const impact = 10.41 * (1 - (1 - c) * (1 - i) * (1 - a));
  const exploitability = 20 * av * ac * au;
  const score = (0.6 * impact + 0.4 * exploitability - 1.5) * (impact === 0 ? 0 : 1.176);
  return Math.round(score * 10 + 1e-6) / 10;
}
