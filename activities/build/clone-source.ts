import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SimpleGit } from 'simple-git';
import { GitError, simpleGit } from 'simple-git';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import type { BuildInContext } from '../../db/stores/builds';
import { OutboundError } from '../../outbound/errors';
import { withoutCredentials } from '../../outbound/git-url';
import type { GuardedGit } from '../../outbound/guard-git';
import { guardGit } from '../../outbound/guard-git';
import { userError } from './build-failures';
import type { BuildLogWriter } from './log-writer';
import type { BuildStepDeps } from './step-deps';
import { currentBuild } from './step-deps';
import type { WorkFolder } from './work-folder';
import { makeWorkFolder, workFolder } from './work-folder';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Puts exactly the commit of the build into the work folder: that commit alone where the host gives it, everything
 * otherwise. Submodules and LFS objects are not fetched.
 */
export async function cloneSource(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  { log, signal }: { log: BuildLogWriter; signal: AbortSignal },
): Promise<void> {
  const context = await currentBuild(deps, attempt);
  const folder = workFolder(deps, attempt);
  await makeWorkFolder(folder);
  const guarded = await guard(deps, context, folder, signal);
  const { commit } = context.build.triggerMetadata;
  const wanted = String(commit);
  log.write({ type: 'command', message: `Cloning ${guarded.display} at ${wanted}` });
  const git = simpleGit({
    baseDir: folder.source,
    config: guarded.config,
    abort: signal,
    allowEnvironment: Object.keys(guarded.env),
    // The environment is guardGit's alone, nothing of it comes from a repository.
    unsafe: { allowUnsafeSshCommand: true, allowUnsafeConfigEnvCount: true },
  }).env(guarded.env);
  try {
    await git.init();
    const id = await fetchCommit(git, guarded, wanted);
    await git.raw(['checkout', '--quiet', '--detach', id]);
    log.write({ message: `checked out ${id}` });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw explain(error, guarded.display);
  }
  // It names the host; the checkout is part of the context.
  await rm(join(folder.source, '.git', 'FETCH_HEAD'), { force: true });
}

async function guard(
  deps: BuildStepDeps,
  { build, trigger }: BuildInContext,
  folder: WorkFolder,
  signal: AbortSignal,
): Promise<GuardedGit> {
  const key = trigger?.privateKey ?? null;
  if (key !== null) await writeFile(folder.keyFile, key, { mode: 0o600 });
  try {
    return await guardGit(cloneUrl(build, trigger), deps.policy, {
      scratchDir: folder.scratch,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal,
      ...(key === null ? {} : { keyFile: folder.keyFile }),
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof OutboundError)) throw error;
    throw userError('gitfailure', `the source could not be cloned: ${error.message}`);
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
    ...['fetch', '--quiet', '--force', '--no-tags', url],
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
    await git.raw(['fetch', '--quiet', '--depth=1', '--no-tags', url, commit]);
    return true;
  } catch (error) {
    const refused = /not our ref|unadvertised object|couldn't find remote ref|no such remote ref|dumb http/i;
    if (error instanceof GitError && refused.test(error.message)) return false;
    throw error;
  }
}

/** What git says, as a reason that a user can act on; what we do not know stays an infrastructure failure. */
const REASONS: [RegExp, string][] = [
  [
    /permission denied|publickey|authentication failed|could not read (username|password)|access denied|returned error: 40[13]/i,
    "the host refuses our credentials: give it the trigger's public key, or put valid ones into the address",
  ],
  [
    /repository .*not found|does not appear to be a git repository|not found|does not exist|no such/i,
    'the host has no such repository',
  ],
  [
    /host key verification failed|remote host identification has changed/i,
    'the host showed another key than before',
  ],
  [/could not resolve host|name or service not known/i, 'the host does not exist'],
  [/connection refused|timed out|failed to connect|no route to host/i, 'the host cannot be reached'],
];

function explain(error: unknown, display: string): unknown {
  if (!(error instanceof GitError)) return error;
  const reason = REASONS.find(([pattern]) => pattern.test(error.message))?.[1];
  if (!reason) return new Error(`git failed on ${display}: ${lastLines(error.message)}`);
  return userError('gitfailure', `${display} could not be cloned: ${reason} (${lastLines(error.message)})`);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-500);
}
