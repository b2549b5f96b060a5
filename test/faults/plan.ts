import { Random } from '../support/random';

export const TARGETS = [
  'serve',
  'relay',
  'build worker',
  'worker',
  'Temporal',
  'MariaDB',
  'Docker engine',
  'git server',
  'SMTP server',
] as const;
export type Target = (typeof TARGETS)[number];

/** `kill`: SIGKILL, later a start; `freeze`: SIGSTOP, later SIGCONT; `stop`: SIGTERM, later a start. */
export const FAULT_KINDS = ['kill', 'freeze', 'stop'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface PlannedFault {
  target: Target;
  kind: FaultKind;
  /** After the start of the load. */
  atMs: number;
  /** How long the target is away or frozen. */
  forMs: number;
}

interface PlannedPush {
  atMs: number;
  project: number;
  tag: string;
  layers: Buffer[];
}

export interface PlannedBuild {
  atMs: number;
  project: number;
  /** How long the Dockerfile's own work takes. */
  seconds: number;
}

export interface Scale {
  faults: number;
  pushes: number;
  builds: number;
  projects: number;
  /** Over which load and faults are spread. */
  windowMs: number;
}

export const FULL: Scale = { faults: 30, pushes: 50, builds: 10, projects: 3, windowMs: 75_000 };
export const SHORT: Scale = { faults: 9, pushes: 12, builds: 2, projects: 1, windowMs: 20_000 };

export interface Plan {
  seed: number;
  scale: Scale;
  faults: PlannedFault[];
  pushes: PlannedPush[];
  builds: PlannedBuild[];
}

/** Everything that a campaign leaves to chance, decided by its seed. */
export function makePlan(seed: number, scale: Scale): Plan {
  const random = new Random(seed);
  const moment = (from = 0) => random.between(Math.floor(from * scale.windowMs), scale.windowMs);
  return {
    seed,
    scale,
    faults: chooseFaults(random, scale.faults)
      .map((fault) => ({ ...fault, atMs: moment(), forMs: chooseDuration(random, fault.kind) }))
      .sort((a, b) => a.atMs - b.atMs),
    pushes: count(scale.pushes)
      .map((number) => ({
        atMs: moment(),
        project: random.between(0, scale.projects - 1),
        tag: `push-${number}`,
        layers: [random.bytes(4096), random.bytes(1024 * random.between(1, 200))],
      }))
      .sort((a, b) => a.atMs - b.atMs),
    builds: count(scale.builds)
      .map((number) => ({
        // The queue makes builds wait: all of them at the end would only make the end later.
        atMs: Math.floor(moment() * 0.7),
        project: number % scale.projects,
        seconds: random.between(1, 4),
      }))
      .sort((a, b) => a.atMs - b.atMs),
  };
}

/** Every kind for every target before any comes twice, in an order that the seed decides. */
function chooseFaults(random: Random, length: number): Pick<PlannedFault, 'target' | 'kind'>[] {
  const chosen: Pick<PlannedFault, 'target' | 'kind'>[] = [];
  while (chosen.length < length) {
    // Rounds in which each target comes once: a short campaign spreads over all of them as well.
    const kinds = new Map(TARGETS.map((target) => [target, random.shuffle(FAULT_KINDS)]));
    for (let round = 0; round < FAULT_KINDS.length; round += 1) {
      for (const target of random.shuffle(TARGETS)) {
        chosen.push({ target, kind: kinds.get(target)?.[round] ?? 'kill' });
      }
    }
  }
  return chosen.slice(0, length);
}

/** Every third frozen process sleeps longer than others wait for a sign of life of it, and wakes up where it was. */
function chooseDuration(random: Random, kind: FaultKind): number {
  const isLong = random.next() < 1 / 3;
  return kind === 'freeze' && isLong ? random.between(16_000, 22_000) : random.between(500, 5000);
}

function count(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
