import type Docker from 'dockerode';
import type { Pack } from 'tar-stream';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import type { LogLine } from '../../commands/builds/build-log';
import { DISK_FULL, diskFull, userError } from './build-failures';
import type { BuildProblem } from './build-progress';
import { BuildOutput } from './build-progress';
import { openBuildSession } from './build-session';
import { packContext } from './context-tar';
import type { PreparedContext } from './contracts';
import { engineEvents, hasBuildKit } from './engine';
import type { BuildLogWriter } from './log-writer';
import type { BuildStepDeps } from './step-deps';
import { currentBuild, pullCredentials } from './step-deps';
import { workFolder } from './work-folder';

export interface StepContext {
  log: BuildLogWriter;
  /** Aborts when the build is cancelled or this worker shuts down. */
  signal: AbortSignal;
}

type EngineStream = NodeJS.ReadableStream & { destroy(error?: Error): void };

/** These are the engine's own troubles, not the Dockerfile's. */
const ENGINE_TROUBLE = /transport is closing|code = Unavailable|no active session/i;

/** A command of the Dockerfile ended badly; what else is said quotes the command, whose words anybody chooses. */
const COMMAND_FAILED = /\b(?:exit|non-zero) code: \d+\s*$/;

/** A registry that is away or out of order has not said that the image is missing. */
const REGISTRY_TROUBLE =
  /connection reset|\bEOF\b|i\/o timeout|deadline exceeded|status(?: code)?:? 5\d\d|\b5\d\d (?:Internal|Bad Gateway|Service|Gateway)/i;

/** Runs the Dockerfile; the id of the image in the engine. Destroying the answer's stream is what stops the engine. */
export async function buildImage(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  prepared: PreparedContext,
  { log, signal }: StepContext,
): Promise<string> {
  const { build } = await currentBuild(deps, attempt);
  const { docker } = deps;
  const credentials = { host: deps.config.SERVER_HOSTNAME, ...(await pullCredentials(deps, attempt)) };
  const isBuildKit = await hasBuildKit(docker);
  const session = isBuildKit ? await openBuildSession(docker, credentials) : undefined;
  const context = await packContext(workFolder(deps, attempt).source, prepared);
  try {
    const options = buildOptions(build.uuid, attempt, prepared);
    const { host, username, password } = credentials;
    const stream = await dialBuild(docker, {
      file: context,
      abortSignal: signal,
      ...(session
        ? { options: { ...options, version: '2', session: session.id } }
        : { options: { ...options, version: '1' }, registryconfig: { [host]: { username, password } } }),
    });
    return await follow(stream, { log, signal }, deps.config.SERVER_HOSTNAME);
  } finally {
    context.destroy();
    session?.close();
  }
}

/** How far back a full disk may be the reason for a command's failure. */
const LAST_WORDS = 20;

async function follow(stream: EngineStream, { log, signal }: StepContext, ownHost: string): Promise<string> {
  const output = new BuildOutput();
  let lastWords: string[] = [];
  const write = (line: LogLine) => {
    log.write(line);
    lastWords = [...lastWords, line.message].slice(-LAST_WORDS);
  };
  for await (const event of engineEvents(stream, signal)) {
    for (const line of output.read(event)) write(line);
    log.progress(output.progress);
  }
  for (const line of output.rest()) write(line);
  const { problem, imageId } = output;
  if (problem) throw failureOf(problem, lastWords, ownHost);
  if (imageId === undefined) throw new Error('the engine ended the build without an image');
  return imageId;
}

/** Of a command in a container only its own words tell that the disk is full. */
function failureOf(problem: BuildProblem, lastWords: string[], ownHost: string): Error {
  const { code, message } = problem;
  if (DISK_FULL.test([message, ...lastWords].join('\n'))) return diskFull('engine', message);
  return isTrouble(problem, ownHost) ? new Error(`the engine failed: ${message}`) : userError(code, message);
}

/** What another try may not meet: nothing that a user could mend. */
export function isTrouble({ code, message }: BuildProblem, ownHost: string): boolean {
  if (COMMAND_FAILED.test(message)) return false;
  if (ENGINE_TROUBLE.test(message)) return true;
  if (code !== 'cannotpullbaseimage') return false;
  // Of another host a refused connection is an answer: its name may be wrong. Of ours it is a restart.
  return REGISTRY_TROUBLE.test(message) || (message.includes(ownHost) && /connection refused/.test(message));
}

/** `pull` makes base images come from their registry: what other builds left in the engine is not theirs to use. */
function buildOptions(buildId: string, { attempt }: BuildAttempt, { dockerfile }: PreparedContext) {
  return {
    dockerfile,
    pull: true,
    rm: true,
    forcerm: true,
    labels: { 'slipway.build': buildId, 'slipway.attempt': String(attempt) },
  };
}

interface BuildRequest {
  file: Pack;
  options: object;
  abortSignal: AbortSignal;
  /** For the classic builder, which asks nobody. */
  registryconfig?: Record<string, { username: string; password: string }>;
}

/** As `docker.buildImage`, which would open a session of its own (see `openBuildSession`). */
function dialBuild(docker: Docker, build: BuildRequest): Promise<EngineStream> {
  const request = {
    ...build,
    path: '/build?',
    method: 'POST',
    isStream: true,
    statusCodes: { 200: true, 400: 'bad request', 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    // The modem is dockerode's untyped transport.
    const modem = docker.modem as {
      dial(options: object, done: (error: Error | null, stream: EngineStream) => void): void;
    };
    modem.dial(request, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}
