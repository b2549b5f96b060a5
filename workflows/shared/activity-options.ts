import type { ActivityOptions } from '@temporalio/common';

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

/** One message to one receiver: tried for a day with growing pauses. */
export function deliveryOptions(timings: Timings = {}): ActivityOptions {
  return {
    taskQueue: QUEUES.deliver,
    startToCloseTimeout: timings.deliverTimeoutMs ?? '30s',
    scheduleToCloseTimeout: timings.deliverGiveUpMs ?? '24h',
    retry: {
      initialInterval: timings.deliverRetryInitialMs ?? '10s',
      backoffCoefficient: 2,
      maximumInterval: timings.deliverRetryMaximumMs ?? '30m',
    },
    cancellationType: 'TRY_CANCEL',
  };
}
