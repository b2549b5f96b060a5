import { parseCvssMetrics } from './cvss-vector';
import { LEVEL_ORDERS, MACRO_VECTOR_SCORES, MAXIMAL_VECTORS } from './cvss4-tables';

const IMPACT_METRICS = ['VC', 'VI', 'VA', 'SC', 'SI', 'SA'] as const;
const BASE = {
  ...{ AV: 'NALP', AC: 'LH', AT: 'NP', PR: 'NLH', UI: 'NPA' },
  ...{ VC: 'HLN', VI: 'HLN', VA: 'HLN', SC: 'HLN', SI: 'HLN', SA: 'HLN' },
} as const;
/** In the order in which a vector must write them. */
const GRAMMAR = {
  ...BASE,
  ...{ E: 'XAPU', CR: 'XHML', IR: 'XHML', AR: 'XHML' },
  ...{ MAV: 'XNALP', MAC: 'XLH', MAT: 'XNP', MPR: 'XNLH', MUI: 'XNPA' },
  ...{ MVC: 'XHLN', MVI: 'XHLN', MVA: 'XHLN', MSC: 'XHLN', MSI: 'XSHLN', MSA: 'XSHLN' },
  ...{ S: 'XNP', AU: 'XNY', R: 'XAUI', V: 'XDC', RE: 'XLMH', U: ['X', 'Clear', 'Green', 'Amber', 'Red'] },
} as const;
const ORDER = Object.keys(GRAMMAR);

type Metrics = ReadonlyMap<string, string>;
/** Digits of EQ1 to EQ6. */
type MacroVector = [eq1: number, eq2: number, eq3: number, eq4: number, eq5: number, eq6: number];

/** Score of a CVSS 4.0 vector with its threat and environmental metrics; undefined when it is none (scanning spec 1.5). */
export function cvss4Score(vector: string): number | undefined {
  const metrics = parseCvss4(vector);
  return metrics && scoreOf(effective(metrics));
}

/** As `cvss4Score`, with the base metrics alone. */
export function cvss4BaseScore(vector: string): number | undefined {
  const metrics = parseCvss4(vector);
  return metrics && scoreOf(effective(new Map([...metrics].filter(([name]) => name in BASE))));
}

function parseCvss4(vector: string): Metrics | undefined {
  const match = /^CVSS:4\.0\/(.*)$/.exec(vector.trim());
  const metrics = match && parseCvssMetrics(match[1] ?? '', GRAMMAR);
  if (!metrics || Object.keys(BASE).some((name) => !metrics.has(name))) return undefined;
  const positions = Array.from(metrics.keys(), (name) => ORDER.indexOf(name));
  return positions.every((position, at) => at === 0 || position > (positions[at - 1] ?? -1))
    ? metrics
    : undefined;
}

/** Modified metrics take the place of the base ones; what is not defined counts as the worst case. */
function effective(metrics: Metrics): Metrics {
  const values = new Map<string, string>();
  for (const name of [...Object.keys(BASE), 'E', 'CR', 'IR', 'AR']) {
    const modified = metrics.get(`M${name}`);
    const value = modified === undefined || modified === 'X' ? metrics.get(name) : modified;
    const fallback = name === 'E' ? 'A' : 'H';
    values.set(name, value === undefined || value === 'X' ? fallback : value);
  }
  return values;
}

function scoreOf(metrics: Metrics): number {
  if (IMPACT_METRICS.every((name) => metrics.get(name) === 'N')) return 0;
  const macro = macroVector(metrics);
  const value = macroScore(macro) ?? 0;
  let sum = 0;
  let count = 0;
  for (const { lower, distance } of steps(macro, metrics)) {
    if (lower === undefined) continue;
    sum += (value - lower) * distance;
    count += 1;
  }
  const score = count === 0 ? value : value - sum / count;
  return Math.round((Math.min(Math.max(score, 0), 10) + 1e-6) * 10) / 10;
}

function macroVector(metrics: Metrics): MacroVector {
  const is = (name: string, value: string) => metrics.get(name) === value;
  const some = (names: string[], value: string) => names.some((name) => is(name, value));
  const isAll = is('AV', 'N') && is('PR', 'N') && is('UI', 'N');
  const eq1 = isAll ? 0 : some(['AV', 'PR', 'UI'], 'N') && !is('AV', 'P') ? 1 : 2;
  const eq2 = is('AC', 'L') && is('AT', 'N') ? 0 : 1;
  const eq3 = is('VC', 'H') && is('VI', 'H') ? 0 : some(['VC', 'VI', 'VA'], 'H') ? 1 : 2;
  const eq4 = some(['SI', 'SA'], 'S') ? 0 : some(['SC', 'SI', 'SA'], 'H') ? 1 : 2;
  const eq5 = is('E', 'A') ? 0 : is('E', 'P') ? 1 : 2;
  const isRequired = (['C', 'I', 'A'] as const).some((of) => is(`${of}R`, 'H') && is(`V${of}`, 'H'));
  return [eq1, eq2, eq3, eq4, eq5, isRequired ? 0 : 1];
}

function macroScore([eq1, eq2, eq3, eq4, eq5, eq6]: MacroVector): number | undefined {
  const cell = MACRO_VECTOR_SCORES[`${eq1}${eq2}${eq3}`]?.split(' ')[eq4 * 3 + eq5]?.split('/')[eq6];
  return cell === undefined || cell === '-' || eq4 > 2 || eq5 > 2 ? undefined : Number(cell);
}

/** Per EQ the score one macro-vector lower, if there is one, and how far the vector is down towards it, 0 to 1. */
function steps(macro: MacroVector, metrics: Metrics): { lower: number | undefined; distance: number }[] {
  const [eq1, eq2, eq3, eq4, eq5, eq6] = macro;
  const withDigits = (...digits: MacroVector) => macroScore(digits);
  return [
    { lower: withDigits(eq1 + 1, eq2, eq3, eq4, eq5, eq6), distance: distanceOf(`1:${eq1}`, metrics) },
    { lower: withDigits(eq1, eq2 + 1, eq3, eq4, eq5, eq6), distance: distanceOf(`2:${eq2}`, metrics) },
    { lower: lowerOfEq3And6(macro), distance: distanceOf(`36:${eq3}${eq6}`, metrics) },
    { lower: withDigits(eq1, eq2, eq3, eq4 + 1, eq5, eq6), distance: distanceOf(`4:${eq4}`, metrics) },
    { lower: withDigits(eq1, eq2, eq3, eq4, eq5 + 1, eq6), distance: 0 },
  ];
}

function lowerOfEq3And6([eq1, eq2, eq3, eq4, eq5, eq6]: MacroVector): number | undefined {
  const byEq3 = macroScore([eq1, eq2, eq3 + 1, eq4, eq5, eq6]);
  const byEq6 = macroScore([eq1, eq2, eq3, eq4, eq5, eq6 + 1]);
  if (eq3 === 0 && eq6 === 0) return Math.max(byEq3 ?? 0, byEq6 ?? 0);
  return eq3 === 1 && eq6 === 0 ? byEq6 : byEq3;
}

/** Level steps from the first maximal vector that is worse in nothing, as a share of the depth. */
function distanceOf(key: string, metrics: Metrics): number {
  const maximal = MAXIMAL_VECTORS[key];
  if (!maximal) return 0;
  for (const vector of maximal.vectors) {
    const levels = maximal.metrics.map((name, at) => {
      const order: string = LEVEL_ORDERS[name];
      return order.indexOf(metrics.get(name) ?? '') - order.indexOf(vector.charAt(at));
    });
    if (levels.every((level) => level >= 0)) {
      return levels.reduce((sum, level) => sum + level, 0) / maximal.depth;
    }
  }
  return 0;
}
