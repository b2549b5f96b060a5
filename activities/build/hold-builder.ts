import { setTimeout as delay } from 'node:timers/promises';

import { activityInfo, cancellationSignal, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type Docker from 'dockerode';

import type { HoldingBuilder } from '../../workflows/shared/contracts';
import type { BuilderActivities } from './contracts';
import type { HandOver } from './hand-over';
import { unlessAborted } from './unless-aborted';
import { withHeartbeat } from '../with-heartbeat';

export interface HoldDeps {
  client: Client;
  /** The engine of this host: without it there is no slot to offer. */
  engine: Pick<Docker, 'ping'>;
  /** This host's own queue, on which the steps of the builds that it holds run. */
  taskQueue: string;
  handOver: HandOver;
  /** Default 2 s; the workflow counts the host as lost after 15 s without one. */
  heartbeatMs?: number;
  /** How long a slot waits for an engine that is away before another host, or a later attempt, is asked; 2 min by default. */
  enginePatienceMs?: number;
}

const LOOK_EVERY_MS = 1000;

/** The activity of the queue `build`; as many at once as the host may run builds. */
export function createHoldActivities(deps: HoldDeps): BuilderActivities {
  const { client, taskQueue, handOver, heartbeatMs = 2000 } = deps;
  return {
    async holdBuilder({ attempt }) {
      const { workflowExecution } = activityInfo();
      if (!workflowExecution) throw new Error('a slot is held for a workflow only');
      const { workflowId, runId } = workflowExecution;
      const holding: HoldingBuilder = { attempt, taskQueue };
      await withHeartbeat(heartbeatMs, async () => {
        await waitForEngine(deps);
        await client.workflow.getHandle(workflowId, runId).signal('holdingBuilder', holding);
        // Rejects when the workflow lets go or has ended.
        await unlessAborted(Context.current().cancelled, handOver.finished);
      });
    },
  };
}

/** An engine that restarts must cost its builds seconds, not all of their attempts; nothing has begun here that could end. */
async function waitForEngine({ engine, handOver, enginePatienceMs = 120_000 }: HoldDeps): Promise<void> {
  const patience = AbortSignal.timeout(enginePatienceMs);
  const stopped = AbortSignal.any([cancellationSignal(), handOver.begun]);
  const over = AbortSignal.any([stopped, patience]);
  for (;;) {
    try {
      await unlessAborted(engine.ping(), over);
      return;
    } catch (error) {
      stopped.throwIfAborted();
      if (patience.aborted) throw new Error('its Docker engine cannot be reached', { cause: error });
      await unlessAborted(delay(LOOK_EVERY_MS), over).catch(() => undefined);
    }
  }
}
