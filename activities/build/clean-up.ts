import { rm } from 'node:fs/promises';

import type Docker from 'dockerode';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { endProcessesAtHome } from './end-processes';
import type { BuildStepDeps } from './step-deps';
import { workFolder } from './work-folder';

/** An engine that hangs must not hold up the clean-up of others; below what the workflow allows. */
const ENGINE_MS = 45_000;

/**
 * Removes what an attempt left on this host: work folder, containers and images that bear its labels. Repeatable. The
 * folder goes last: where the engine is away, it makes the host's sweep come back.
 */
export async function cleanUp(deps: BuildStepDeps, attempt: BuildAttempt): Promise<void> {
  const label = [`slipway.build=${attempt.buildId}`, `slipway.attempt=${attempt.attempt}`];
  const filters = JSON.stringify({ label });
  const { source, scratch, root, keyFile } = workFolder(deps, attempt);
  await endProcessesAtHome(scratch);
  // What is secret or large does not wait for the engine.
  for (const path of [source, scratch, keyFile]) await rm(path, { recursive: true, force: true });
  const abortSignal = AbortSignal.timeout(ENGINE_MS);
  for (const { Id } of await deps.docker.listContainers({ all: true, filters, abortSignal })) {
    await ignoreGone(deps.docker.getContainer(Id).remove({ force: true, v: true, abortSignal }));
  }
  for (const image of await deps.docker.listImages({ all: true, filters, abortSignal })) {
    await removeImage(deps.docker, image, abortSignal);
  }
  await rm(root, { recursive: true, force: true });
}

/** By its tags first, so that the engine forgets who it was pushed as; layers that others use stay. */
async function removeImage(
  docker: Docker,
  { Id, RepoTags }: Docker.ImageInfo,
  abortSignal: AbortSignal,
): Promise<void> {
  for (const tag of RepoTags ?? []) {
    if (tag === '<none>:<none>') continue;
    await ignoreGone(docker.getImage(tag).remove({ noprune: true, abortSignal }));
  }
  await ignoreGone(docker.getImage(Id).remove({ force: true, abortSignal }));
}

/** 404: gone already. 409: somebody uses it, and whoever does removes it. */
async function ignoreGone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode !== 404 && statusCode !== 409) throw error;
  }
}
