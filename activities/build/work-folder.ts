import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import type { BuildStepDeps } from './step-deps';

export interface WorkFolder {
  root: string;
  /** The checkout. */
  source: string;
  /** HOME of git. */
  scratch: string;
  keyFile: string;
  /** The script that starts git with a bound on its memory. */
  gitScript: string;
}

/** Each attempt has its own; the name begins with the build's id, by which the host's sweep knows what it may remove. */
export function workFolder({ config }: BuildStepDeps, { buildId, attempt }: BuildAttempt): WorkFolder {
  const root = join(config.BUILD_WORK_DIR, `${buildId}-${attempt}`);
  return {
    root,
    source: join(root, 'source'),
    scratch: join(root, 'scratch'),
    keyFile: join(root, 'key'),
    gitScript: join(root, 'git.sh'),
  };
}

/** Empty, whatever an earlier try left there. */
export async function makeWorkFolder(folder: WorkFolder): Promise<void> {
  await rm(folder.root, { recursive: true, force: true });
  await mkdir(folder.source, { recursive: true, mode: 0o700 });
  await mkdir(folder.scratch, { mode: 0o700 });
}
