import { activityInfo, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';

import type { HoldingBuilder } from '../../workflows/shared/contracts';
import type { BuilderActivities } from './contracts';
import type { HandOver } from './hand-over';
import { withHeartbeat } from '../with-heartbeat';

export interface HoldDeps {
  client: Client;
  /** This host's own queue, on which the steps of the builds that it holds run. */
  taskQueue: string;
  handOver: HandOver;
  /** Default 2 s; the workflow counts the host as lost after 15 s without one. */
  heartbeatMs?: number;
}

/** The activity of the queue `build`; as many at once as the host may run builds. */
export function createHoldActivities(deps: HoldDeps): BuilderActivities {
  const { client, taskQueue, handOver, heartbeatMs = 2000 } = deps;
  return {
    async holdBuilder(buildAttempt) {
      const { attempt } = buildAttempt;
      const { workflowExecution } = activityInfo();
      if (!workflowExecution) throw new Error('a slot is held for a workflow only');
      const { workflowId, runId } = workflowExecution;
      const holding: HoldingBuilder = { attempt, taskQueue };
      handOver.began(buildAttempt);
      await withHeartbeat(heartbeatMs, async () => {
        await client.workflow.getHandle(workflowId, runId).signal('holdingBuilder', holding);
        // Rejects when the workflow lets go or has ended.
        await Promise.race([Context.current().cancelled, untilAborted(handOver.finished)]);
      });
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
