import type { BuildLogType } from '../../db/entities/builds';
import { Build, BuildLogEntry } from '../../db/entities/builds';
import type { Act, ActDeps } from '../act';
import { runAct, SYSTEM } from '../act';

export interface LogLine {
  /** Absent for plain output. */
  type?: BuildLogType;
  message: string;
  /** Keys beside `datetime`. */
  data?: Record<string, unknown>;
}

/** Longer lines are cut: a log is for reading. */
export const MAX_MESSAGE_LENGTH = 64 * 1024;

/** Adds lines to the log of a build that the caller has locked, and counts them on it. */
export async function appendEntries(act: Act, build: Build, lines: readonly LogLine[]): Promise<void> {
  if (lines.length === 0) return;
  const datetime = new Date(act.nowMs).toISOString();
  await act.manager.insert(
    BuildLogEntry,
    lines.map((line, index) => ({
      buildId: build.id,
      position: build.logLength + index,
      type: line.type ?? null,
      message: line.message.slice(0, MAX_MESSAGE_LENGTH),
      data: { datetime, ...line.data },
      createdAtMs: act.nowMs,
    })),
  );
  build.logLength += lines.length;
  await act.manager.update(Build, build.id, { logLength: build.logLength, heartbeatAtMs: act.nowMs });
}

/** The log now lies in storage as one object; its rows go with the same commit. */
export async function recordLogObject(deps: ActDeps, buildId: string, objectKey: string): Promise<void> {
  await runAct(deps, SYSTEM, async (act) => {
    const build = await act.manager.findOneBy(Build, { uuid: buildId });
    if (!build) return;
    await act.manager.update(Build, build.id, { logObjectKey: objectKey });
    await act.manager.delete(BuildLogEntry, { buildId: build.id });
  });
}
