import type { BuildAttempt } from '../../commands/builds/build-attempts';
import type { StepContext } from './build-image';
import type { EngineEvent } from './engine';
import { engineEvents } from './engine';
import type { BuildStepDeps, RegistryCredentials } from './step-deps';
import { currentBuild, pushCredentials } from './step-deps';

/** Tags the image and pushes every tag with the token of this attempt; the digest that the registry answered. */
export async function pushImage(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  imageId: string,
  context: StepContext,
): Promise<string> {
  const { build, repository } = await currentBuild(deps, attempt);
  const credentials = await pushCredentials(deps, attempt);
  const name = `${deps.config.SERVER_HOSTNAME}/${repository.namespace}/${repository.name}`;
  let digest: string | undefined;
  for (const [index, tag] of build.dockerTags.entries()) {
    await deps.docker.getImage(imageId).tag({ repo: name, tag });
    digest = await pushTag(deps, { name, tag, credentials }, context);
    context.log.progress({ push_completion: (index + 1) / build.dockerTags.length });
  }
  if (digest === undefined) throw new Error('the build has no tag to push');
  return digest;
}

interface TagPush {
  name: string;
  tag: string;
  credentials: RegistryCredentials;
}

async function pushTag(
  deps: BuildStepDeps,
  { name, tag, credentials }: TagPush,
  { log, signal }: StepContext,
): Promise<string> {
  log.write({ type: 'command', message: `Pushing ${name}:${tag}` });
  const stream = await deps.docker.getImage(`${name}:${tag}`).push({
    authconfig: { ...credentials, serveraddress: deps.config.SERVER_HOSTNAME },
    abortSignal: signal,
  });
  let digest: string | undefined;
  for await (const event of engineEvents(stream as NodeJS.ReadableStream & { destroy(): void }, signal)) {
    if (event.error !== undefined) {
      throw new Error(`${name}:${tag} could not be pushed: ${event.errorDetail?.message ?? event.error}`);
    }
    digest = digestOf(event) ?? digest;
    if (event.id === undefined && event.status) log.write({ message: event.status });
  }
  if (digest === undefined) throw new Error(`the registry named no digest for ${name}:${tag}`);
  return digest;
}

function digestOf({ aux }: EngineEvent): string | undefined {
  if (typeof aux !== 'object' || aux === null || !('Digest' in aux)) return undefined;
  return typeof aux.Digest === 'string' ? aux.Digest : undefined;
}
