import type { EntityManager } from 'typeorm';

import type { LoginAttempt } from '../db/stores/login-throttle';
import {
  deleteLoginBackoff,
  deleteLoginFailures,
  findLoginCounters,
  insertLoginBackoff,
  raiseLoginFlood,
  replaceLoginBackoff,
} from '../db/stores/login-throttle';
import type { LoginBackoff } from '../model/login-throttle';
import { backoffWaitMs, FLOOD_LIMITS, floodWaitMs, nextBackoff } from '../model/login-throttle';
import type { AuthDeps } from './authentication';
import { hashToken } from './tokens';

type ThrottleDeps = Pick<AuthDeps, 'dataSource' | 'now'>;

/** A password that may be looked at. */
export interface AdmittedAttempt {
  attempt: LoginAttempt;
  /**
   * After a failure each further attempt is counted as one before its password is looked at, so that of many at once,
   * in whatever process, one gets an answer. Null for who has no failures: right passwords may come side by side.
   */
  claim: { before: LoginBackoff; after: LoginBackoff } | null;
}

type Admission = (AdmittedAttempt & { outcome: 'admitted' }) | { outcome: 'throttled'; waitMs: number };

/** `name` is what was typed; it counts where nobody has it, so that nothing tells known names from unknown ones. */
export function loginAttempt(
  account: { id: number } | null,
  name: string,
  address: string | null,
): LoginAttempt {
  const subject = account ? subjectOf(account.id) : hashToken(`name:${name}`);
  return { subject, address: networkOf(address) };
}

/** Asks before a password is looked at (registry spec 18.13); the caller then tells how it went. */
export async function admitAttempt(deps: ThrottleDeps, attempt: LoginAttempt): Promise<Admission> {
  const { manager } = deps.dataSource;
  const nowMs = deps.now();
  const { backoff, subjectDrainedAtMs, addressDrainedAtMs } = await findLoginCounters(manager, attempt);
  const waitMs = Math.max(
    backoffWaitMs(backoff, nowMs),
    floodWaitMs(FLOOD_LIMITS.subject, subjectDrainedAtMs, nowMs),
    floodWaitMs(FLOOD_LIMITS.address, addressDrainedAtMs, nowMs),
  );
  if (waitMs > 0) return { outcome: 'throttled', waitMs };
  if (!backoff) return { outcome: 'admitted', attempt, claim: null };
  const claim = { before: backoff, after: nextBackoff(backoff, nowMs) };
  const isOurs = await replaceLoginBackoff(manager, attempt, { from: claim.before, to: claim.after });
  if (!isOurs) return { outcome: 'throttled', waitMs: backoffWaitMs(claim.after, nowMs) };
  return { outcome: 'admitted', attempt, claim };
}

/**
 * The password was wrong. False when another failure was counted while it was looked at: then nobody may learn what became
 * of this one, or many guesses at once would count as one.
 */
export async function countFailure(
  deps: ThrottleDeps,
  { attempt, claim }: AdmittedAttempt,
): Promise<boolean> {
  const { manager } = deps.dataSource;
  const nowMs = deps.now();
  if (!claim && !(await insertLoginBackoff(manager, attempt, nextBackoff(null, nowMs)))) return false;
  await raiseLoginFlood(manager, attempt.subject, { limit: FLOOD_LIMITS.subject, nowMs });
  await raiseLoginFlood(manager, attempt.address, { limit: FLOOD_LIMITS.address, nowMs });
  return true;
}

/**
 * The password was right: this address begins anew. What others tried from elsewhere still counts. False as for a failure:
 * or of many guesses at once, all but one counted for nothing, the right one would be told.
 */
export async function countSuccess(
  { dataSource }: ThrottleDeps,
  { attempt, claim }: AdmittedAttempt,
): Promise<boolean> {
  const { manager } = dataSource;
  if (!claim) return (await findLoginCounters(manager, attempt)).backoff === null;
  await deleteLoginBackoff(manager, attempt);
  return true;
}

/** The password was not looked at after all. */
export async function withdrawAttempt(
  { dataSource }: ThrottleDeps,
  { attempt, claim }: AdmittedAttempt,
): Promise<void> {
  if (claim) {
    await replaceLoginBackoff(dataSource.manager, attempt, { from: claim.after, to: claim.before });
  }
}

/** A new password begins anew everywhere; part of the caller's transaction. */
export async function forgetLoginFailures(manager: EntityManager, accountId: number): Promise<void> {
  await deleteLoginFailures(manager, subjectOf(accountId));
}

function subjectOf(accountId: number): string {
  return hashToken(`account:${accountId}`);
}

/** Whoever has one IPv6 address has at least its /64, and could call from each of them. */
function networkOf(address: string | null): string {
  if (address === null) return 'unknown';
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail === undefined ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}
