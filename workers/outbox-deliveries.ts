import type { Client, WorkflowOptions } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';

import type { Config } from '../config/schema';
import type { OutboxRow } from '../db/entities/outbox';
import type { OutboxKind, OutboxMessages } from '../model/outbox-messages';
import type {
  BuildQueueInput,
  DeliverNotificationInput,
  EnqueueBuild,
  ScanManifestInput,
} from '../workflows/shared/contracts';
import { QUEUES } from '../workflows/shared/queues';
import {
  ImageDigest,
  RegistryNamespace,
  Repository,
  TriggerKind,
} from '../workflows/shared/search-attributes';
import type { DeliverRow } from './outbox-relay';

export interface OutboxDeliveryDeps {
  client: Client;
  config: Pick<Config, 'BUILD_NAMESPACE_RUNNING_LIMIT' | 'FEATURE_SECURITY_SCANNER' | 'WORKFLOW_TIMINGS'>;
  /** The state of today's indexers: a push under another state is scanned anew. */
  indexerState: () => string;
  /** For all calls of one row together; temporal spec 9. */
  deadlineMs?: number;
}

type Handlers = { [K in OutboxKind]: (message: OutboxMessages[K], eventId: string) => Promise<void> };

/** What each kind of outbox row does to Temporal. Every one of them may be repeated without effect. */
export function createOutboxDeliveries(deps: OutboxDeliveryDeps): DeliverRow {
  const { client, config, indexerState, deadlineMs = 5000 } = deps;
  const timings = config.WORKFLOW_TIMINGS;

  const handlers: Handlers = {
    async 'build.queued'({ namespace, repository, ...build }, eventId) {
      const input: BuildQueueInput = { namespace, limit: config.BUILD_NAMESPACE_RUNNING_LIMIT, timings };
      const enqueued: EnqueueBuild = { ...build, repository: `${namespace}/${repository}`, eventId };
      await client.workflow.signalWithStart('buildQueue', {
        ...commonOptions(namespace, [{ key: RegistryNamespace, value: namespace }]),
        workflowId: buildQueueId(namespace),
        staticSummary: summary(`builds of ${namespace}`),
        args: [input],
        signal: 'enqueueBuild',
        signalArgs: [enqueued],
      });
    },

    async 'build.cancelled'({ buildId, namespace }, eventId) {
      // The queue first: it must not start what is about to be cancelled.
      await ignoreGone(
        client.workflow.getHandle(buildQueueId(namespace)).signal('dropBuild', { buildId, eventId }),
      );
      await ignoreGone(client.workflow.getHandle(`build:${buildId}`).cancel());
    },

    async 'manifest.pushed'({ namespace, repository, tag, ...manifest }) {
      if (!config.FEATURE_SECURITY_SCANNER) return;
      const path = `${namespace}/${repository}`;
      const input: ScanManifestInput = { ...manifest, repository: path, timings };
      await client.workflow.start('scanManifest', {
        ...commonOptions(namespace, [
          ...whereabouts(namespace, path),
          { key: ImageDigest, value: manifest.digest },
          { key: TriggerKind, value: 'push' },
        ]),
        workflowId: `scan:${manifest.repositoryId}:${manifest.digest}:${indexerState()}`,
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: summary(`scan of ${path}${tag === null ? `@${manifest.digest}` : `:${tag}`}`),
        args: [input],
      });
    },

    async 'delivery.created'({ namespace, repository, deliveryId, event, method }) {
      const path = `${namespace}/${repository}`;
      const input: DeliverNotificationInput = { deliveryId, repository: path, event, method, timings };
      await ignoreStarted(
        client.workflow.start('deliverNotification', {
          ...commonOptions(namespace, [...whereabouts(namespace, path), { key: TriggerKind, value: event }]),
          workflowId: `delivery:${deliveryId}`,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'FAIL',
          staticSummary: summary(`${event} of ${path} by ${method}`),
          args: [input],
        }),
      );
    },
  };

  return (row: OutboxRow) =>
    // The payload was written under the same contract, beside its kind, by `enqueue`.
    client.withDeadline(Date.now() + deadlineMs, () => handlers[row.kind](row.payload as never, row.eventId));
}

function buildQueueId(namespace: string): string {
  return `build-queue:${namespace}`;
}

function commonOptions(
  namespace: string,
  typedSearchAttributes: SearchAttributePair[],
): Pick<WorkflowOptions, 'taskQueue' | 'priority' | 'typedSearchAttributes'> {
  // Names are ASCII, so 64 characters are the 64 bytes that the server takes.
  return {
    taskQueue: QUEUES.orchestration,
    priority: { fairnessKey: namespace.slice(0, 64) },
    typedSearchAttributes,
  };
}

function whereabouts(namespace: string, path: string): SearchAttributePair[] {
  return [
    { key: RegistryNamespace, value: namespace },
    { key: Repository, value: path },
  ];
}

/** What Temporal's UI shows; longer ones are refused (temporal spec 14). */
function summary(text: string): string {
  return text.slice(0, 200);
}

async function ignoreStarted(start: Promise<unknown>): Promise<void> {
  try {
    await start;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function ignoreGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
