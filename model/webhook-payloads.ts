import type { HostPush } from './host-payloads';
import { readHostPush } from './host-payloads';
import { matchesWhole } from './patterns';
import { parseRef } from './refs';
import type { CommitMetadata } from './tag-templates';

/** Metadata of a build that a push started (builds spec 2.1). */
export interface PushMetadata extends CommitMetadata {
  git_url: string;
  ref: string;
}

/** Why a payload is refused: the field at fault, as a path, and what is wrong with it. */
interface PayloadProblem {
  field: string;
  reason: string;
}

export type ReadPush =
  | { kind: 'pushes'; pushes: PushDecision[] }
  | { kind: 'skipped'; reason: string }
  | { kind: 'invalid'; problem: PayloadProblem };

export type PushDecision = { kind: 'build'; metadata: PushMetadata } | { kind: 'skipped'; reason: string };

const DELETED = 'the ref was deleted';

/**
 * Reads what was posted to a custom git trigger: the shapes of GitHub, Bitbucket and GitLab first, then our own (builds
 * spec 1.6, 1.7, 2.2). One push for each ref that the payload speaks of; `gitUrl` replaces whatever URL it names.
 */
export function readPush(body: unknown, gitUrl: string): ReadPush {
  if (!isRecord(body)) {
    return { kind: 'invalid', problem: { field: 'payload', reason: 'must be a JSON object' } };
  }
  const host = readHostPush(body);
  if (host?.kind === 'skipped') return host;
  if (host) return { kind: 'pushes', pushes: host.pushes.map((push) => decideHostPush(push, gitUrl)) };
  const problem = findProblem(body);
  if (problem) return { kind: 'invalid', problem };
  const metadata = { ...body, git_url: gitUrl } as PushMetadata;
  return {
    kind: 'pushes',
    pushes: [isZero(metadata.commit) ? skipped(DELETED) : { kind: 'build', metadata }],
  };
}

export interface PushFilter {
  /** RE2, matched against the whole ref without `refs/`; absent or empty lets everything through. */
  branchtag_regex?: string | null;
}

/** Skip words and the trigger's filter (builds spec 1.8); the reason to skip, or undefined. */
export function reasonToSkipPush(metadata: PushMetadata, filter: PushFilter): string | undefined {
  const message = metadata.commit_info?.message;
  for (const words of ['[skip build]', '[build skip]']) {
    if (typeof message === 'string' && message.includes(words)) return `the commit message says ${words}`;
  }
  const pattern = filter.branchtag_regex;
  if (!pattern) return undefined;
  const name = metadata.ref.replace(/^refs\//, '');
  // A pattern that does not compile lets everything through, as in Quay; triggers refuse such a pattern.
  if (matchesWhole(pattern, name) !== false) return undefined;
  return `"${name}" does not match the trigger's filter ${pattern}`;
}

function decideHostPush(push: HostPush, gitUrl: string): PushDecision {
  if (push.commit === null || isZero(push.commit)) return skipped(DELETED);
  if (!parseRef(push.ref)) return skipped(`"${push.ref}" is neither a branch nor a tag`);
  const { commit, ref, default_branch: defaultBranch, commit_info: commitInfo } = push;
  return {
    kind: 'build',
    metadata: {
      commit,
      ref,
      git_url: gitUrl,
      ...(defaultBranch ? { default_branch: defaultBranch } : {}),
      ...(commitInfo && Object.keys(commitInfo).length > 0 ? { commit_info: commitInfo } : {}),
    },
  };
}

const COMMIT = /^[A-Fa-f0-9]{7,64}$/;

/** The rules of builds spec 1.6, in the order a reader of the manual meets them. */
function findProblem(body: Record<string, unknown>): PayloadProblem | undefined {
  return (
    problemOfText(body, 'commit', (commit) =>
      COMMIT.test(commit) ? undefined : 'must be at least 7 hexadecimal digits',
    ) ??
    problemOfText(body, 'ref', (ref) =>
      parseRef(ref) && ref.length <= 1024
        ? undefined
        : 'must begin with refs/heads/, refs/tags/ or refs/remotes/',
    ) ??
    problemOfText(body, 'default_branch') ??
    problemOfCommitInfo(body.commit_info)
  );
}

function problemOfCommitInfo(info: unknown): PayloadProblem | undefined {
  if (info === undefined) return undefined;
  if (!isRecord(info)) return { field: 'commit_info', reason: 'must be an object' };
  for (const key of ['url', 'message', 'date']) {
    const problem = problemOfText(info, key, undefined, 'commit_info.');
    if (problem) return problem;
  }
  for (const role of ['author', 'committer']) {
    const problem = problemOfPerson(info[role], `commit_info.${role}`);
    if (problem) return problem;
  }
  return undefined;
}

function problemOfPerson(person: unknown, field: string): PayloadProblem | undefined {
  if (person === undefined) return undefined;
  if (!isRecord(person)) return { field, reason: 'must be an object' };
  for (const key of ['username', 'url', 'avatar_url']) {
    const problem = problemOfText(person, key, undefined, `${field}.`);
    if (problem) return problem;
  }
  return undefined;
}

function problemOfText(
  record: Record<string, unknown>,
  key: string,
  check: (text: string) => string | undefined = () => undefined,
  prefix = '',
): PayloadProblem | undefined {
  const value = record[key];
  if (value === undefined) return { field: prefix + key, reason: 'is required' };
  if (typeof value !== 'string') return { field: prefix + key, reason: 'must be a string' };
  const reason = check(value);
  return reason === undefined ? undefined : { field: prefix + key, reason };
}

function skipped(reason: string): PushDecision {
  return { kind: 'skipped', reason };
}

/** Git's id for "no commit": the ref was deleted. */
function isZero(commit: string): boolean {
  return /^0+$/.test(commit);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
