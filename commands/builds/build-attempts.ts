import { Build } from '../../db/entities/builds';
import { lockBuild, withContext } from '../../db/stores/builds';
import type { BuildPhase } from '../../model/phases';
import { BUILD_PHASES, isFinalPhase } from '../../model/phases';
import type { Act } from '../act';
import { runAct, SYSTEM } from '../act';
import type { BuildDeps } from './build-deps';
import { raiseBuildEvent } from './build-deps';
import type { LogLine } from './build-log';
import { appendEntries } from './build-log';
import { revokeBuildToken } from './end-build';

/** Names one run of a build from its clone on; whoever writes under an old number is refused. */
export interface BuildAttempt {
  buildId: string;
  attempt: number;
}

/** The phases that a running attempt goes through, in this order. */
export type RunningPhase = Exclude<
  BuildPhase,
  'waiting' | 'complete' | 'error' | 'internalerror' | 'cancelled'
>;

/** `ended`: somebody cancelled the build, or it is gone; `superseded`: a newer attempt runs. */
export type AttemptState = 'current' | 'superseded' | 'ended';

export interface BuildProgress {
  total_commands?: number;
  current_command?: number;
  /** Fractions from 0 to 1. */
  pull_completion?: number;
  push_completion?: number;
}

export interface BegunAttempt {
  attempt: number;
  tags: string[];
  /** What an earlier attempt has pushed before it was lost: the build is completed with it, not built again. */
  pushedDigest: string | null;
}

/**
 * Begins attempt `attempt` of a build, counted from 1: what older attempts hold, their token above all, dies. Repeating it is
 * harmless. Undefined when the build has ended or is gone.
 */
export async function beginAttempt(
  deps: BuildDeps,
  { buildId, attempt }: BuildAttempt,
): Promise<BegunAttempt | undefined> {
  return runAct(deps, SYSTEM, async (act) => {
    const build = await lockBuild(act.manager, buildId);
    if (!build || isFinalPhase(build.phase) || build.attempt > attempt) return undefined;
    if (build.attempt < attempt) {
      await revokeBuildToken(act, build);
      await act.manager.update(Build, build.id, {
        attempt,
        phase: 'waiting',
        pushTokenId: null,
        status: {},
        heartbeatAtMs: act.nowMs,
      });
    }
    return { attempt, tags: build.dockerTags, pushedDigest: build.manifestDigest };
  });
}

/** Writes in the log why an attempt came to nothing and what follows from it: the build waits for a worker again. */
export async function recordLostAttempt(
  deps: BuildDeps,
  attempt: BuildAttempt,
  message: string,
): Promise<AttemptState> {
  return withAttempt(deps, attempt, async (act, build) => {
    if (build.phase === 'waiting') return;
    await appendEntries(act, build, [{ type: 'error', message }]);
    await act.manager.update(Build, build.id, { phase: 'waiting' });
  });
}

/**
 * Moves a build on to a phase: forward only, without effect when it is there already, refused once it has ended. The first time
 * that it reaches `building` raises `build_start`.
 */
export async function markBuildPhase(
  deps: BuildDeps,
  attempt: BuildAttempt,
  phase: RunningPhase,
): Promise<AttemptState> {
  return withAttempt(deps, attempt, async (act, build) => {
    if (BUILD_PHASES.indexOf(build.phase) >= BUILD_PHASES.indexOf(phase)) return;
    const isStart = phase === 'building' && build.startedAtMs === null;
    await act.manager.update(Build, build.id, {
      phase,
      heartbeatAtMs: act.nowMs,
      ...(isStart ? { startedAtMs: act.nowMs } : {}),
    });
    await appendEntries(act, build, [{ type: 'phase', message: phase }]);
    if (isStart) await raiseBuildEvent(deps, act, 'build_start', await withContext(act.manager, build));
  });
}

/** Adds lines to the build's log, and brings the progress that people see up to date (builds spec 5.12) where it is given. */
export async function appendBuildLog(
  deps: Pick<BuildDeps, 'dataSource' | 'now'>,
  attempt: BuildAttempt,
  lines: readonly LogLine[],
  status?: BuildProgress,
): Promise<AttemptState> {
  return withAttempt(deps, attempt, async (act, build) => {
    await appendEntries(act, build, lines);
    if (status) {
      await act.manager.update(Build, build.id, { status: { ...build.status, ...status } });
    }
  });
}

export function isCurrentAttempt(build: Build, { attempt }: BuildAttempt): boolean {
  return build.attempt === attempt && !isFinalPhase(build.phase);
}

/** Runs `work` on the locked build while the attempt is the one that counts; says where it stands otherwise. */
export async function withAttempt(
  deps: Pick<BuildDeps, 'dataSource' | 'now'>,
  attempt: BuildAttempt,
  work: (act: Act, build: Build) => Promise<void>,
): Promise<AttemptState> {
  return runAct(deps, SYSTEM, async (act) => {
    const build = await lockBuild(act.manager, attempt.buildId);
    if (!build || isFinalPhase(build.phase)) return 'ended';
    if (build.attempt !== attempt.attempt) return 'superseded';
    await work(act, build);
    return 'current';
  });
}
