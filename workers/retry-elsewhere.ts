import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';

/** Zero would mean the pause of the retry policy. */
const AT_ONCE_MS = 1;

/** An activity that the end of this worker cut short is done again by another one now, not after the pause for failures. */
export function retryElsewhere(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          // What it met before the end of its worker is its own failure. A local one would come back to this worker.
          if (
            !context.cancellationDetails?.workerShutdown ||
            context.info.isLocal ||
            error instanceof ApplicationFailure
          ) {
            throw error;
          }
          throw ApplicationFailure.create({
            message: 'the worker is shutting down',
            type: 'WorkerShutdown',
            nextRetryDelay: AT_ONCE_MS,
            cause: error instanceof Error ? error : undefined,
          });
        }
      },
    },
  };
}
