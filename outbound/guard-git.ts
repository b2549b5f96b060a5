import { isIP } from 'node:net';
import { join } from 'node:path';

import type { AddressPolicy } from './address-policy';
import type { GitUrl } from './git-url';
import { parseGitUrl } from './git-url';
import { reachAddress } from './reach-address';
import type { ResolvedAddress, Resolver } from './resolve-target';
import { resolveTarget } from './resolve-target';

export interface GuardGitOptions {
  /** An empty folder of this run alone: git's HOME, and where SSH notes host keys. */
  scratchDir: string;
  /** Private key for SSH, mode 0600; without one SSH offers none. */
  keyFile?: string;
  /** Host keys seen before, kept between runs; a host with another key is then refused. Default: inside `scratchDir`. */
  knownHostsFile?: string;
  /** Default 10 s, for the look-up and for each address. */
  connectTimeoutMs?: number;
  /** How long the host may be silent before git hangs up; whole seconds. Default 60 s. */
  idleTimeoutMs?: number;
  /** Where git and ssh are found. */
  path?: string;
  resolver?: Resolver;
  signal?: AbortSignal;
}

/** What a git process needs to reach one host, at one address, by one protocol, and nothing else. */
export interface GuardedGit {
  url: string;
  /** The URL as everybody may see it. */
  display: string;
  /** The whole environment of the process, not an addition to ours. */
  env: Record<string, string>;
  /** `key=value` for `git -c`. */
  config: string[];
}

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin';
/** Port 9, "discard": nobody listens there, so a host that was not judged cannot be reached. */
const NOWHERE = 'http://127.0.0.1:9';
const DEFAULT_IDLE_MS = 60_000;

/**
 * Parses a git URL, resolves its host, lets the policy judge it, finds an address that accepts connections, and ties
 * git to it. Submodules have URLs of their own: guard each. Throws {@link OutboundError}; a host that is down
 * is told apart from one that does not exist before git starts.
 */
export async function guardGit(
  url: string,
  policy: AddressPolicy,
  options: GuardGitOptions,
): Promise<GuardedGit> {
  const git = parseGitUrl(url);
  const { connectTimeoutMs: timeoutMs = 10_000, resolver, signal } = options;
  const limits = { timeoutMs, ...(signal && { signal }) };
  const target = await resolveTarget(git.host, policy, { ...limits, ...(resolver && { resolver }) });
  const address = await reachAddress(target, { port: git.port, ...limits });
  const env = {
    PATH: options.path ?? DEFAULT_PATH,
    HOME: options.scratchDir,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: git.protocol,
  };
  const { url: guardedUrl, display } = git;
  if (git.protocol !== 'ssh') {
    const secret = credentialsEnv(git);
    return {
      url: guardedUrl,
      display,
      env: { ...env, ...secret },
      config: httpConfig(git, address, options),
    };
  }
  const command = sshCommand(git, address, timeoutMs, options);
  return { url: guardedUrl, display, env: { ...env, GIT_SSH_COMMAND: command }, config: [] };
}

function httpConfig(
  git: GitUrl,
  { address, family }: ResolvedAddress,
  { idleTimeoutMs = DEFAULT_IDLE_MS }: GuardGitOptions,
): string[] {
  const origin = new URL(git.url).origin;
  const pinned = `${git.host}:${git.port}:${family === 6 ? `[${address}]` : address}`;
  return [
    ...(isIP(git.host) ? [] : [`http.curloptResolve=${pinned}`]),
    'http.followRedirects=false',
    `http.proxy=${NOWHERE}`,
    `http.${origin}.proxy=`,
    'http.lowSpeedLimit=1',
    `http.lowSpeedTime=${Math.ceil(idleTimeoutMs / 1000)}`,
  ];
}

/** In the environment, because every user of the machine may read the arguments of a process. */
function credentialsEnv({ url, authorization }: GitUrl): Record<string, string> {
  if (authorization === undefined) return {};
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${new URL(url).origin}.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: ${authorization}`,
  };
}

function sshCommand(
  git: GitUrl,
  { address }: ResolvedAddress,
  timeoutMs: number,
  options: GuardGitOptions,
): string {
  const { scratchDir, keyFile, knownHostsFile = join(scratchDir, 'known_hosts') } = options;
  const idleSeconds = Math.ceil((options.idleTimeoutMs ?? DEFAULT_IDLE_MS) / 1000);
  const settings = [
    `HostName=${address}`,
    `HostKeyAlias=${git.port === 22 ? git.host : `[${git.host}]:${git.port}`}`,
    `ConnectTimeout=${Math.ceil(timeoutMs / 1000)}`,
    'BatchMode=yes',
    // Nobody is there to be asked; a host is believed the first time and held to its key afterwards.
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile="${sshPath(knownHostsFile)}"`,
    'GlobalKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `IdentityFile=${keyFile === undefined ? 'none' : `"${sshPath(keyFile)}"`}`,
    'ProxyCommand=none',
    `ServerAliveInterval=${Math.ceil(idleSeconds / 4)}`,
    'ServerAliveCountMax=4',
    'LogLevel=ERROR',
  ];
  return ['ssh', '-F', '/dev/null', ...settings.flatMap((setting) => ['-o', shellQuote(setting)])].join(' ');
}

/** In a setting of ssh "%" begins a token. */
function sshPath(path: string): string {
  return path.replaceAll('%', '%%');
}

function shellQuote(text: string): string {
  return /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
