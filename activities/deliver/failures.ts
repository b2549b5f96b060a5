import type { Info as ActivityInfo } from '@temporalio/activity';
import type { RetryPolicy } from '@temporalio/common';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time';

import { DELIVERY_REFUSED } from '../../workflows/shared/failure-types';
import type { NoPlace } from './receiver-places';

export interface SendFailure {
  message: string;
  /** Trying again is pointless. */
  permanent: boolean;
  responseStatus: number | null;
  /** Nothing came back: the receiver hangs. */
  isSilence?: boolean;
  /** What the receiver asked for with `Retry-After`. */
  retryAfterMs?: number;
}

/**
 * Receivers that fail are expected: such failures stay out of the error metrics (temporal spec 7). The pause before the next
 * try grows with the `tries` that were made; Temporal would count the deferrals and the lost workers, too.
 */
export function toApplicationFailure(
  failure: SendFailure,
  tries: number,
  policy: RetryPolicy | undefined,
): ApplicationFailure {
  const nextRetryDelay = failure.retryAfterMs ?? pauseAfter(tries, policy);
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.permanent ? DELIVERY_REFUSED : 'DeliveryFailed',
    nonRetryable: failure.permanent,
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay,
  });
}

/** The policy itself does not grow: what it repeats is the try of a worker that was lost, not a failure of the receiver. */
const GROWTH = 2;

function pauseAfter(
  tries: number,
  { initialInterval, maximumInterval }: RetryPolicy = {},
): number | undefined {
  if (initialInterval === undefined) return undefined;
  const longestMs = maximumInterval === undefined ? Number.POSITIVE_INFINITY : msToNumber(maximumInterval);
  return Math.min(msToNumber(initialInterval) * GROWTH ** (tries - 1), longestMs);
}

const FIRST_BUSY_MS = 2000;
const LONGEST_BUSY_MS = 60_000;

/**
 * The call was not made. A busy receiver is asked again soon, and later each time: a thousand messages to a slow one must not
 * ask for their turn hundreds of times a second. A silent one is asked with the growing pauses of failures.
 */
export function toDeferral(
  message: string,
  why: NoPlace,
  { attempt, retryPolicy }: Pick<ActivityInfo, 'attempt' | 'retryPolicy'>,
): ApplicationFailure {
  const nextRetryDelay = why === 'busy' ? busyPauseMs(attempt) : pauseAfter(attempt, retryPolicy);
  return ApplicationFailure.create({
    message,
    type: 'DeliveryDeferred',
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay,
  });
}

/** Spread, so that they do not all come back at once. */
function busyPauseMs(attempt: number): number {
  const pauseMs = Math.min(FIRST_BUSY_MS * 1.5 ** (attempt - 1), LONGEST_BUSY_MS);
  return Math.round(pauseMs * (0.5 + Math.random()));
}

const RETRYABLE_STATUSES = [408, 425, 429];
const LONGEST_WAIT_MS = 6 * 3_600_000;

/** Undefined when the receiver took the message; 4xx other than 408, 425 and 429 is final (design 8). */
export function judgeResponse(
  status: number,
  retryAfter: string | undefined,
  nowMs: number,
): SendFailure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const permanent = status >= 300 && status < 500 && !RETRYABLE_STATUSES.includes(status);
  const retryAfterMs = permanent ? undefined : parseRetryAfter(retryAfter, nowMs);
  return {
    message: `the receiver answered ${status}${status < 400 ? ', and redirects are not followed' : ''}`,
    permanent,
    responseStatus: status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), bounded to 6 hours; undefined when absent or neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  // Date.parse takes almost anything for a date; an HTTP date begins with the name of a day.
  const isDate = /^[A-Z][a-z]{2,8},? /.test(value);
  const wanted = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : isDate ? Date.parse(value) - nowMs : NaN;
  if (!Number.isFinite(wanted)) return undefined;
  return Math.min(Math.max(wanted, 1000), LONGEST_WAIT_MS);
}
