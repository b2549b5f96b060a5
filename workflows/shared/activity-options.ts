import type { ActivityOptions, LocalActivityOptions } from '@temporalio/common';

import type { Timings } from './contracts';
import { QUEUES } from './queues';

/**
 * Classes of activity work, side by side so that they can be compared (temporal spec 4). `cancellationType` is always
 * set: the SDK's documented default is not what it sends.
 */

/** One short read or write of the database; repeated until it succeeds. */
export const recordOptions = {
  taskQueue: QUEUES.maintenance,
  startToCloseTimeout: '15s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
  cancellationType: 'TRY_CANCEL',
} satisfies ActivityOptions;

/**
 * The same beside the workflow code, for what happens at every turn of a process: it costs no way through the server. What may
 * take long, or must leave a trace of its own in the history, is an activity of its queue.
 */
export const localRecordOptions = {
  startToCloseTimeout: '15s',
  // Longer pauses are timers: they keep no workflow task open.
  localRetryThreshold: '2s',
  retry: recordOptions.retry,
  cancellationType: 'TRY_CANCEL',
} satisfies LocalActivityOptions;

/** One message to one receiver: tried for a day. Failures of the receiver carry their own, growing pauses. */
export function deliveryOptions(timings: Timings = {}): ActivityOptions {
  return {
    taskQueue: QUEUES.deliver,
    startToCloseTimeout: timings.deliverTimeoutMs ?? '30s',
    scheduleToCloseTimeout: timings.deliverGiveUpMs ?? '24h',
    retry: {
      initialInterval: timings.deliverRetryInitialMs ?? '10s',
      backoffCoefficient: 1,
      maximumInterval: timings.deliverRetryMaximumMs ?? '30m',
    },
    cancellationType: 'TRY_CANCEL',
  };
}

/** One mail: mail servers take their time, so a lost worker is noticed by its silence. */
export function mailOptions(timings: Timings = {}): ActivityOptions {
  return {
    ...deliveryOptions(timings),
    startToCloseTimeout: timings.deliverTimeoutMs ?? '150s',
    heartbeatTimeout: '20s',
  };
}

/** The slot of a build: it runs as long as the build does, and its end tells that the host is gone. */
export function holdOptions(timings: Timings = {}): ActivityOptions {
  return {
    taskQueue: QUEUES.build,
    startToCloseTimeout: '8h',
    heartbeatTimeout: timings.holdHeartbeatMs ?? '15s',
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}

/** Clone and what is read from the checkout, on the host that holds the build: infrastructure faults only are repeated. */
export function sourceOptions(host: string, timings: Timings = {}): ActivityOptions {
  return {
    taskQueue: host,
    startToCloseTimeout: '20m',
    scheduleToCloseTimeout: '1h',
    heartbeatTimeout: '30s',
    retry: {
      initialInterval: timings.buildStepRetryMs ?? '5s',
      backoffCoefficient: 2,
      maximumInterval: '1m',
      maximumAttempts: 3,
    },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}

/** The engine's work: not repeated, because the workflow begins again from clone. */
export function engineOptions(host: string): ActivityOptions {
  return {
    taskQueue: host,
    startToCloseTimeout: '2h',
    scheduleToCloseTimeout: '6h',
    heartbeatTimeout: '30s',
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}

export function pushOptions(host: string, timings: Timings = {}): ActivityOptions {
  return {
    ...engineOptions(host),
    retry: {
      initialInterval: timings.buildStepRetryMs ?? '5s',
      backoffCoefficient: 2,
      maximumInterval: '2m',
      maximumAttempts: 3,
    },
  };
}

/** Bounded: a host that died is cleaned by its own sweep. */
export function cleanUpOptions(host: string): ActivityOptions {
  return {
    taskQueue: host,
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: '2m',
    retry: { maximumAttempts: 3 },
    cancellationType: 'TRY_CANCEL',
  };
}

/** Moves a whole log; what can't be moved stays where it is. */
export const archiveOptions = {
  taskQueue: QUEUES.maintenance,
  startToCloseTimeout: '10m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5 },
  cancellationType: 'TRY_CANCEL',
} satisfies ActivityOptions;

/** A step of a scan that reads much: repeated a few times, then a person is told (scanning spec 5.4). */
export function scanOptions(timings: Timings = {}) {
  return {
    taskQueue: QUEUES.scan,
    startToCloseTimeout: '30m',
    heartbeatTimeout: timings.scanHeartbeatMs ?? '30s',
    scheduleToCloseTimeout: '2h',
    retry: {
      initialInterval: timings.scanRetryInitialMs ?? '5s',
      backoffCoefficient: 2,
      maximumInterval: '5m',
      maximumAttempts: 5,
    },
    // Another scan may read a layer only after this one has really let go of it.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  } satisfies ActivityOptions;
}

/** Telling what a scan found must not be given up because of a bad hour. */
export function announceOptions(timings: Timings = {}): ActivityOptions {
  const { retry, ...options } = scanOptions(timings);
  return {
    ...options,
    scheduleToCloseTimeout: '24h',
    retry: { ...retry, maximumAttempts: Number.POSITIVE_INFINITY },
  };
}
