import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { keepBuildsInUse } from '../../db/stores/open-work';

export interface SweepDeps {
  dataSource: DataSource;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** `BUILD_WORK_DIR`: each build has a folder below it whose name begins with the build's id. */
  folder: string;
  /** Removes the folder of an attempt and what the engine holds of it. */
  cleanUp: (attempt: { buildId: string; attempt: number }) => Promise<void>;
}

/** Time for a build that was ended from outside to let go of its files. */
const GRACE_MS = 20_000;
const BUILD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const ATTEMPT = /^(.{36})-(\d+)$/;

/**
 * Removes what killed or terminated builds left on this host; answers the names. Anything that does not bear the id of a
 * build is left alone.
 */
export async function sweepWorkDirectories(deps: SweepDeps): Promise<string[]> {
  const { dataSource, now, folder, cleanUp } = deps;
  const byBuild = new Map<string, string[]>();
  for (const name of await namesIn(folder)) {
    const [id] = BUILD_ID.exec(name) ?? [];
    if (id) byBuild.set(id, [...(byBuild.get(id) ?? []), name]);
  }
  for (const id of await keepBuildsInUse(dataSource, [...byBuild.keys()], now() - GRACE_MS)) {
    byBuild.delete(id);
  }
  const left = [...byBuild.values()].flat();
  for (const name of left) {
    const [, buildId, attempt] = ATTEMPT.exec(name) ?? [];
    if (buildId) await cleanUp({ buildId, attempt: Number(attempt) });
    await rm(join(folder, name), { recursive: true, force: true });
  }
  return left;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // No build has been here yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
