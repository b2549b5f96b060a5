import { ApplicationFailure } from '@temporalio/common';
import { GitError } from 'simple-git';

import { BUILD_HOST_FAILED } from '../../workflows/shared/failure-types';
import { DISK_FULL, diskFull, userError } from './build-failures';
import { CloneStopped } from './clone-watch';

/** What git says when this machine is to blame: another one may do better. */
const OWN_TROUBLE = /read-only file system|input\/output error|too many open files|git: not found/i;
/** A checkout does not say why it could not go on with a file that it had begun. */
const UNFINISHED_FILE = /unable to write (file|new index)/i;

/** What git says, as a reason that a user can act on. */
const REASONS: [RegExp, string][] = [
  [
    /permission denied|publickey|authentication failed|could not read (username|password)|access denied|returned error: 40[13]/i,
    "the host refuses our credentials: give it the trigger's public key, or put valid ones into the address",
  ],
  [
    /returned error: 30\d|unable to update url base from redirection/i,
    'the host redirects to another address, which is not followed: put that address into the trigger',
  ],
  [
    /certificate|SSL: |TLS (connect|alert)|SSL_(connect|ERROR)/i,
    'the host has no certificate that is valid for it',
  ],
  [/out of memory|cannot allocate memory|mmap failed/i, 'the source needs more memory than a clone may use'],
  [
    /repository .*not found|does not appear to be a git repository|not found|does not exist|no such/i,
    'the host has no such repository',
  ],
  [
    /host key verification failed|remote host identification has changed/i,
    'the host showed another key than before',
  ],
  [/could not resolve host|name or service not known/i, 'the host does not exist'],
  [/file ?name too long|invalid path/i, 'the source holds paths that cannot be checked out'],
  [/timed out|timeout was reached|no route to host/i, 'the host cannot be reached'],
];

/** A host that restarts says the same as one that is not there. */
const REFUSED = /connection refused|failed to connect/i;

export type CloneVerdict =
  /** Nothing that we repeat would help. */
  | { kind: 'final'; failure: ApplicationFailure }
  /** It may pass with time; the reason is for the log. */
  | { kind: 'passing'; reason: string };

/** What a failed clone into a folder means for the build; undefined for what is no failure of git. */
export function judgeCloneFailure(error: unknown, display: string, folder: string): CloneVerdict | undefined {
  if (error instanceof CloneStopped) {
    if (error.kind === 'stalled') return { kind: 'passing', reason: error.message };
    return { kind: 'final', failure: cannotBeCloned(display, error.message) };
  }
  if (!(error instanceof GitError)) return undefined;
  const said = whatGitSaid(error.message).replaceAll(`${folder}/`, '');
  const own = said.replace(/^remote: .*$/gm, '');
  if (DISK_FULL.test(own) || UNFINISHED_FILE.test(own)) {
    return { kind: 'final', failure: diskFull('build host', lastLines(own)) };
  }
  if (OWN_TROUBLE.test(own)) {
    const message = `the build host could not hold ${display}: ${lastLines(own)}`;
    return { kind: 'final', failure: ApplicationFailure.nonRetryable(message, BUILD_HOST_FAILED) };
  }
  const reason = REASONS.find(([pattern]) => pattern.test(said))?.[1];
  if (!reason) {
    const what = REFUSED.test(said) ? 'the host cannot be reached' : 'git failed';
    return { kind: 'passing', reason: `${what}: ${lastLines(said)}` };
  }
  return { kind: 'final', failure: cannotBeCloned(display, `${reason} (${lastLines(said)})`) };
}

export function cannotBeCloned(display: string, reason: string): ApplicationFailure {
  return userError('gitfailure', `${display} could not be cloned: ${reason}`);
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /\u001b\[[\d;]*[A-Za-z]|[\u0000-\u001f\u007f]/g;

/** Without progress and lists of refs, whose names anybody chooses, and without what would move a terminal's cursor. */
function whatGitSaid(output: string): string {
  const lines = output.split(/[\r\n]+/).filter((line) => !/^( |From )|\d+% |^\s*$/.test(line));
  return lines.map((line) => line.replace(CONTROL, '').trimEnd()).join('\n');
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-500);
}
