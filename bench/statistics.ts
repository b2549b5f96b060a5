/** The value below which `fraction` of the values lie, by nearest rank; NaN without values. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

export interface LinearCost {
  fixedMs: number;
  msPerUnit: number;
}

/** The cost of a unit of work, from two runs of different size. */
export function fitCost(
  small: { units: number; ms: number },
  large: { units: number; ms: number },
): LinearCost {
  // Noise may hide the difference; the fixed part is never more than two thirds of the larger run.
  const least = large.ms / large.units / 3;
  const msPerUnit = Math.max(least, (large.ms - small.ms) / (large.units - small.units));
  return { msPerUnit, fixedMs: Math.max(0, small.ms - small.units * msPerUnit) };
}
