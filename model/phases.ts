/** Phases of a build (builds spec 5.1); `expired` and `cannot_load` are computed by the API and never stored. */
export const BUILD_PHASES = [
  'waiting',
  'build-scheduled',
  'unpacking',
  'pulling',
  'building',
  'pushing',
  'complete',
  'error',
  'internalerror',
  'cancelled',
] as const;
export type BuildPhase = (typeof BUILD_PHASES)[number];

export const FINAL_PHASES = ['complete', 'error', 'internalerror', 'cancelled'] as const;
export type FinalPhase = (typeof FINAL_PHASES)[number];

export function isFinalPhase(phase: BuildPhase): phase is FinalPhase {
  return (FINAL_PHASES as readonly string[]).includes(phase);
}
