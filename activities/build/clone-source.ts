import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { activityInfo } from '@temporalio/activity';
import type { SimpleGit } from 'simple-git';
import { GitError, simpleGit } from 'simple-git';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import type { BuildInContext } from '../../db/stores/builds';
import type { OutboundErrorKind } from '../../outbound/errors';
import { OutboundError } from '../../outbound/errors';
import { withoutCredentials } from '../../outbound/git-url';
import type { GuardedGit } from '../../outbound/guard-git';
import { guardGit } from '../../outbound/guard-git';
import { userError } from './build-failures';
import { cannotBeCloned, judgeCloneFailure } from './clone-failures';
import { CloneWatch } from './clone-watch';
import { endProcessesAtHome } from './end-processes';
import type { BuildLogWriter } from './log-writer';
import { measureTree } from './measure-tree';
import type { BuildStepDeps } from './step-deps';
import { currentBuild } from './step-deps';
import type { WorkFolder } from './work-folder';
import { makeWorkFolder, workFolder } from './work-folder';

const CONNECT_TIMEOUT_MS = 10_000;
/** What the workflow allows where Temporal does not say. */
const TRIES = 3;
/** Address space of one process: a host can make git collect refs and objects without end. */
const GIT_MEMORY_KIB = 4 * 1024 ** 2;
const GIT_SCRIPT = `ulimit -v ${GIT_MEMORY_KIB} 2>/dev/null\nulimit -c 0\nexec git "$@"\n`;
const GIT_LIMITS = [
  // What git maps and computes stays well below the bound of its memory.
  'core.packedGitLimit=1g',
  'core.packedGitWindowSize=64m',
  'pack.threads=4',
  // Small packs, too, are stored as they come: unpacked ones would hide from the bound of bytes while they arrive.
  'fetch.unpackLimit=1',
];

interface Clone {
  folder: WorkFolder;
  guarded: GuardedGit;
  watch: CloneWatch;
  log: BuildLogWriter;
}

/**
 * Puts exactly the commit of the build into the work folder: that commit alone where the host gives it, everything
 * otherwise. Submodules and LFS objects are not fetched. Bounded in time, bytes, files and memory; what may pass with time
 * is repeated a few times, and the log says so.
 */
export async function cloneSource(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  { log, signal }: { log: BuildLogWriter; signal: AbortSignal },
): Promise<void> {
  const context = await currentBuild(deps, attempt);
  const folder = workFolder(deps, attempt);
  await endProcessesAtHome(folder.scratch);
  await makeWorkFolder(folder);
  await writeFile(folder.gitScript, GIT_SCRIPT);
  const guarded = await guard(deps, context, { folder, log, signal });
  const wanted = String(context.build.triggerMetadata.commit);
  log.write({ type: 'command', message: `Cloning ${guarded.display} at ${wanted}` });
  const watch = new CloneWatch(join(folder.source, '.git'), limitsOf(deps), signal);
  try {
    await fetchAndCheckOut(deps, { folder, guarded, watch, log }, wanted);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw failureOf(watch.reason ?? error, { folder, guarded, watch, log });
  } finally {
    watch.close();
    await endProcessesAtHome(folder.scratch);
  }
}

function limitsOf({ config }: BuildStepDeps) {
  return {
    idleMs: config.BUILD_SOURCE_IDLE_TIMEOUT * 1000,
    totalMs: config.BUILD_SOURCE_TIMEOUT * 1000,
    maxBytes: config.BUILD_SOURCE_MAX_SIZE_BYTES,
  };
}

async function fetchAndCheckOut({ config }: BuildStepDeps, clone: Clone, wanted: string): Promise<void> {
  const { folder, guarded, watch, log } = clone;
  const git = openGit(clone);
  await git.init();
  const id = await fetchCommit(git, guarded, wanted);
  watch.hostIsDone();
  const { submodules } = await measureTree(
    id,
    { command: ['sh', folder.gitScript], cwd: folder.source, env: guarded.env, signal: watch.signal },
    { maxBytes: config.BUILD_SOURCE_MAX_SIZE_BYTES, maxFiles: config.BUILD_SOURCE_MAX_FILES },
  );
  await git.raw(['checkout', '--progress', '--detach', id]);
  // It names the host; the checkout is part of the context.
  await rm(join(folder.source, '.git', 'FETCH_HEAD'), { force: true });
  log.write({ message: `checked out ${id}` });
  if (submodules > 0) log.write({ message: `${submodules} submodules are left empty` });
}

function openGit({ folder, guarded, watch }: Clone): SimpleGit {
  return simpleGit({
    baseDir: folder.source,
    binary: ['sh', folder.gitScript],
    config: [...guarded.config, ...GIT_LIMITS],
    abort: watch.signal,
    allowEnvironment: Object.keys(guarded.env),
    // The environment is guardGit's alone, nothing of it comes from a repository; the script is ours.
    unsafe: { allowUnsafeSshCommand: true, allowUnsafeConfigEnvCount: true, allowUnsafeCustomBinary: true },
  })
    .env(guarded.env)
    .outputHandler((_command, stdout, stderr) => {
      stdout.on('data', watch.hear);
      stderr.on('data', watch.hear);
    });
}

function failureOf(error: unknown, { folder, guarded, log }: Clone): unknown {
  const { display } = guarded;
  const verdict = judgeCloneFailure(error, display, folder.source);
  if (!verdict) return error;
  return verdict.kind === 'final' ? verdict.failure : passingFailure(display, verdict.reason, log);
}

/** A plain error, which Temporal repeats, until the last try makes it the build's end. */
function passingFailure(display: string, reason: string, log: BuildLogWriter): Error {
  const { attempt, retryPolicy } = activityInfo();
  const tries = retryPolicy?.maximumAttempts ?? TRIES;
  if (attempt >= tries) return cannotBeCloned(display, `${reason}; given up after ${attempt} tries`);
  log.write({ message: `the clone failed, try ${attempt} of ${tries}: ${reason}` });
  return new Error(`${display} could not be cloned: ${reason}`);
}

/** Of a host that restarts. */
const PASSING: readonly OutboundErrorKind[] = ['connect-refused', 'reset'];

async function guard(
  deps: BuildStepDeps,
  { build, trigger }: BuildInContext,
  { folder, log, signal }: { folder: WorkFolder; log: BuildLogWriter; signal: AbortSignal },
): Promise<GuardedGit> {
  const key = trigger?.privateKey ?? null;
  if (key !== null) await writeFile(folder.keyFile, key, { mode: 0o600 });
  try {
    return await guardGit(cloneUrl(build, trigger), deps.policy, {
      scratchDir: folder.scratch,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      idleTimeoutMs: deps.config.BUILD_SOURCE_IDLE_TIMEOUT * 1000,
      signal,
      ...(key === null ? {} : { keyFile: folder.keyFile }),
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof OutboundError)) throw error;
    throw PASSING.includes(error.kind)
      ? passingFailure('the source', error.message, log)
      : cannotBeCloned('the source', error.message);
  }
}

/** What a build tells of its source leaves out the credentials, which its trigger keeps for the same address. */
function cloneUrl(build: BuildInContext['build'], trigger: BuildInContext['trigger']): string {
  const shown = String(build.triggerMetadata.git_url);
  const whole = trigger?.config.build_source;
  return typeof whole === 'string' && withoutCredentials(whole) === shown ? whole : shown;
}

/** The full id of the commit, which is then in the repository. */
async function fetchCommit(git: SimpleGit, { url }: GuardedGit, commit: string): Promise<string> {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(commit) && (await tryFetchAlone(git, url, commit))) return commit;
  await git.raw([
    ...['fetch', '--progress', '--force', '--no-tags', url],
    ...['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'],
  ]);
  // Quiet: git then ends without a word, which simple-git takes for an empty answer.
  const id = (await git.raw(['rev-parse', '--verify', '--quiet', `${commit}^{commit}`])).trim();
  if (id !== '') return id;
  throw userError(
    'gitcheckout',
    `commit ${commit} is not in the repository; it may have been replaced by a forced push`,
  );
}

/** False when the host does not hand out single commits, or does not have this one. */
async function tryFetchAlone(git: SimpleGit, url: string, commit: string): Promise<boolean> {
  try {
    await git.raw(['fetch', '--progress', '--depth=1', '--no-tags', url, commit]);
    return true;
  } catch (error) {
    const refused = /not our ref|unadvertised object|couldn't find remote ref|no such remote ref|dumb http/i;
    if (error instanceof GitError && refused.test(error.message)) return false;
    throw error;
  }
}
