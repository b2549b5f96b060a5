import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { placeContext } from '../../model/build-context';
import { userError } from './build-failures';
import type { PreparedContext } from './contracts';
import { readDockerfile } from './dockerfile';
import type { BuildStepDeps } from './step-deps';
import { currentBuild } from './step-deps';
import { workFolder } from './work-folder';

const LARGEST_DOCKERFILE_BYTES = 1024 * 1024;

/**
 * Finds context and Dockerfile in the checkout, both confined to it: neither `..` nor a symlink may lead out. The answer is
 * relative to the checkout.
 */
export async function prepareContext(deps: BuildStepDeps, attempt: BuildAttempt): Promise<PreparedContext> {
  const { build } = await currentBuild(deps, attempt);
  const { source } = workFolder(deps, attempt);
  const placed = placeContext({ dockerfilePath: build.dockerfilePath, context: build.context });
  if (!placed) throw leadsOut(`context "${build.context}" or Dockerfile "${build.dockerfilePath}"`);
  const shown = join(placed.context, placed.dockerfile);
  const folder = await findInside(source, placed.context, `context "${build.context}"`);
  if (!(await stat(folder)).isDirectory()) {
    throw userError('dockerfileissue', `context "${build.context}" is not a folder`);
  }
  const file = await findInside(source, shown, `Dockerfile "${shown}"`);
  const { size, ...kind } = await fileFacts(file);
  if (!kind.isFile) throw userError('dockerfileissue', `Dockerfile "${shown}" is not a file`);
  if (size > LARGEST_DOCKERFILE_BYTES) {
    throw userError('dockerfileissue', `Dockerfile "${shown}" is too large`);
  }
  const facts = readDockerfile(await readFile(file, 'utf8'));
  if ('problem' in facts) throw userError('dockerfileissue', `Dockerfile "${shown}": ${facts.problem}`);
  return { ...placed, baseImages: facts.baseImages };
}

/** The real path of something below the checkout. */
export async function findInside(source: string, path: string, what: string): Promise<string> {
  const root = await realpath(source);
  let found: string;
  try {
    found = await realpath(join(root, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') {
      throw userError('dockerfileissue', `${what} is not in the repository at this commit`);
    }
    throw error;
  }
  if (found !== root && !found.startsWith(root + sep)) throw leadsOut(what);
  return found;
}

async function fileFacts(path: string): Promise<{ isFile: boolean; size: number }> {
  const facts = await stat(path);
  return { isFile: facts.isFile(), size: facts.size };
}

function leadsOut(what: string) {
  return userError('dockerfileissue', `${what} leads out of the checkout`);
}
