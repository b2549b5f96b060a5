import { activityInfo, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';

import type { HoldingBuilder } from '../../workflows/shared/contracts';
import type { BuilderActivities } from './contracts';
import { withHeartbeat } from '../with-heartbeat';

export interface HoldDeps {
  client: Client;
  /** This host's own queue, on which the steps of the builds that it holds run. */
  taskQueue: string;
  /** Default 2 s; the workflow counts the host as lost after 15 s without one. */
  heartbeatMs?: number;
}

/** The activity of the queue `build`; as many at once as the host may run builds. */
export function createHoldActivities({ client, taskQueue, heartbeatMs = 2000 }: HoldDeps): BuilderActivities {
  return {
    async holdBuilder({ attempt }) {
      const { workflowExecution } = activityInfo();
      if (!workflowExecution) throw new Error('a slot is held for a workflow only');
      const { workflowId, runId } = workflowExecution;
      const holding: HoldingBuilder = { attempt, taskQueue };
      await withHeartbeat(heartbeatMs, async () => {
        await client.workflow.getHandle(workflowId, runId).signal('holdingBuilder', holding);
        // Rejects when the workflow lets go, has ended, or this worker shuts down.
        await Context.current().cancelled;
      });
    },
  };
}
