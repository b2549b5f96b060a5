/** Where a build finds its files: both relative, without a leading slash, `''` for the root of the source. */
export interface BuildContext {
  context: string;
  /** Relative to the context. */
  dockerfile: string;
}

/** What a caller of the API or the config of a trigger gives (builds spec 4). */
export interface BuildPaths {
  dockerfilePath: string;
  context: string;
}

/** The paths of a build that the API starts (builds spec 4, "API resolution"). */
export function resolveApiPaths(input: {
  dockerfile_path?: string | null | undefined;
  subdirectory?: string | null | undefined;
  context?: string | null | undefined;
}): BuildPaths {
  const { dockerfile_path: dockerfilePath, subdirectory, context } = input;
  if (dockerfilePath) return { dockerfilePath, context: context || directoryOf(dockerfilePath) };
  if (subdirectory) {
    return { dockerfilePath: join(subdirectory, 'Dockerfile'), context: context || subdirectory };
  }
  if (context) return { dockerfilePath: join(context, 'Dockerfile'), context };
  return { dockerfilePath: '/Dockerfile', context: '/' };
}

/** The paths of a trigger: without a Dockerfile it is the one in the context, without a context the root. */
export function resolveTriggerPaths(config: {
  dockerfile_path?: string | null | undefined;
  context?: string | null | undefined;
}): BuildPaths {
  const context = config.context || '/';
  return { context, dockerfilePath: config.dockerfile_path || join(context, 'Dockerfile') };
}

/**
 * Makes the Dockerfile relative to the context; a context that does not hold it gives way to the Dockerfile's own folder
 * (builds spec 4, "Job → worker"). Undefined for a path that leads out of the source.
 */
export function placeContext({ dockerfilePath, context }: BuildPaths): BuildContext | undefined {
  const file = normalise(dockerfilePath);
  const folder = normalise(context);
  if (file === undefined || folder === undefined || file === '') return undefined;
  if (folder === '') return { context: '', dockerfile: file };
  if (file.startsWith(`${folder}/`)) return { context: folder, dockerfile: file.slice(folder.length + 1) };
  const slash = file.lastIndexOf('/');
  return { context: slash < 0 ? '' : file.slice(0, slash), dockerfile: file.slice(slash + 1) };
}

/** Whether a path lies strictly below a folder, both from the root of the source (builds spec 4, wizard). */
export function isBelow(folder: string, path: string): boolean {
  if (folder === '' || path === '') return false;
  const above = normalise(folder);
  const below = normalise(path);
  if (above === undefined || below === undefined || below === '') return false;
  return above === '' || below.startsWith(`${above}/`);
}

/** Undefined when `..` leads out, or the path holds what no path of a repository has. */
function normalise(path: string): string | undefined {
  if (path.includes('\0') || path.length > 1024) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

function join(folder: string, name: string): string {
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash) || '/';
}
