/**
 * What the relay makes of a committed act; ids and names only (temporal spec 13). `repository` is the name inside the
 * namespace everywhere here; the relay joins them for workflows.
 */
export interface OutboxMessages {
  /** Signals `build-queue:<namespace>` to enqueue. */
  'build.queued': {
    buildId: string;
    namespace: string;
    repository: string;
    triggerKind: string;
    displayName: string;
  };
  /** Cancels `build:<buildId>`, or takes it off the queue. */
  'build.cancelled': { buildId: string; namespace: string; repository: string };
  /** Starts `scan:<repositoryId>:<digest>:<indexer state>`. */
  'manifest.pushed': {
    repositoryId: number;
    manifestId: number;
    namespace: string;
    repository: string;
    digest: string;
    /** Null for a push by digest. */
    tag: string | null;
  };
  /** Starts `delivery:<deliveryId>`. */
  'delivery.created': {
    deliveryId: string;
    namespace: string;
    repository: string;
    event: string;
    method: string;
  };
}

export type OutboxKind = keyof OutboxMessages;
