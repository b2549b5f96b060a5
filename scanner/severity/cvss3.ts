import { parseCvssMetrics } from './cvss-vector';

const BASE = { AV: 'NALP', AC: 'LH', PR: 'NLH', UI: 'NR', S: 'UC', C: 'HLN', I: 'HLN', A: 'HLN' } as const;
const GRAMMAR = {
  ...BASE,
  ...{ E: 'XUPFH', RL: 'XOTWU', RC: 'XURC', CR: 'XLMH', IR: 'XLMH', AR: 'XLMH' },
  ...{ MAV: 'XNALP', MAC: 'XLH', MPR: 'XNLH', MUI: 'XNR', MS: 'XUC', MC: 'XHLN', MI: 'XHLN', MA: 'XHLN' },
} as const;

const WEIGHTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  PR: { N: 0.85, L: 0.62, H: 0.27 },
  PRchanged: { N: 0.85, L: 0.68, H: 0.5 },
  UI: { N: 0.85, R: 0.62 },
  impact: { H: 0.56, L: 0.22, N: 0 },
};

/** Base score of a CVSS 3.0 or 3.1 vector, other metric groups ignored; undefined when it is none (scanning spec 1.5). */
export function cvss3BaseScore(vector: string): number | undefined {
  const match = /^CVSS:3\.[01]\/(.*)$/.exec(vector.trim());
  const metrics = match && parseCvssMetrics(match[1] ?? '', GRAMMAR);
  if (!metrics || Object.keys(BASE).some((name) => !metrics.has(name))) return undefined;
  const weight = (metric: string, table = metric) => WEIGHTS[table]?.[metrics.get(metric) ?? ''] ?? 0;
  const isChanged = metrics.get('S') === 'C';
  const iss = 1 - (1 - weight('C', 'impact')) * (1 - weight('I', 'impact')) * (1 - weight('A', 'impact'));
  const impact = isChanged ? 7.52 * (iss - 0.029) - 3.25 * (iss - 0.02) ** 15 : 6.42 * iss;
  if (impact <= 0) return 0;
  const privileges = weight('PR', isChanged ? 'PRchanged' : 'PR');
  const exploitability = 8.22 * weight('AV') * weight('AC') * privileges * weight('UI');
  return roundUp(Math.min((isChanged ? 1.08 : 1) * (impact + exploitability), 10));
}

/** The round-up of CVSS 3.1, free of float noise; that of 3.0 gives the same on every base vector. */
function roundUp(score: number): number {
  const scaled = Math.round(score * 100_000);
  return scaled % 10_000 === 0 ? scaled / 100_000 : (Math.floor(scaled / 10_000) + 1) / 10;
}
