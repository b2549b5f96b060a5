import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { userError } from './build-failures';
import type { BuildStepDeps } from './step-deps';
import { pullCredentials } from './step-deps';
import type { StepContext } from './build-image';

const IMAGE_NAME =
  /^[\w.:-]+(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[\w.-]{1,128})?(@[\w.+-]{1,64}:[0-9a-f]{32,128})?$/i;

/**
 * Asks our own registry, through the engine that will pull them, whether the base images are there for this build. Those
 * of other registries are left to the build itself.
 */
export async function checkBaseImages(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  baseImages: string[],
  { log, signal }: StepContext,
): Promise<void> {
  const host = deps.config.SERVER_HOSTNAME;
  const own = baseImages.filter((image) => image.startsWith(`${host}/`));
  if (own.length === 0) return;
  const credentials = await pullCredentials(deps, attempt);
  for (const image of own) {
    signal.throwIfAborted();
    // It becomes part of a path of the engine's API.
    if (!IMAGE_NAME.test(image)) {
      throw userError('cannotpullbaseimage', `base image "${image}" is not the name of an image`);
    }
    log.write({ message: `looking for base image ${image} as ${credentials.username}` });
    try {
      await deps.docker.getImage(image).distribution({ authconfig: { ...credentials, serveraddress: host } });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw userError(
        'cannotpullbaseimage',
        `base image "${image}" is not in this registry, or ${credentials.username} may not pull it; a trigger can be given a robot to pull with`,
      );
    }
  }
}

function isRefusal(error: unknown): boolean {
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode === 400 || statusCode === 401 || statusCode === 403 || statusCode === 404) return true;
  return /manifest unknown|unauthorized|denied|not found/i.test(message ?? '');
}
