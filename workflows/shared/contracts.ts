/**
 * Inputs and messages of workflows. Every input is one object that grows by optional fields only; `timings` replace
 * defaults in milliseconds and come from whoever starts the workflow (temporal spec 18).
 */
export type Timings = Readonly<Record<string, number>>;

export interface QueuedBuild {
  buildId: string;
  /** Namespace-qualified: `namespace/name`. */
  repository: string;
  triggerKind: string;
  displayName: string;
}

/** `build-queue:<namespace>` */
export interface BuildQueueInput {
  namespace: string;
  /** Builds of the namespace that may run at once. */
  limit: number;
  timings?: Timings;
  /** Carried through continue-as-new. */
  waiting?: QueuedBuild[];
  running?: QueuedBuild[];
  /** Ids of signals already acted on, newest last. */
  seen?: string[];
}

/** Argument of the signal `enqueueBuild`; `eventId` makes repeating it harmless. */
export interface EnqueueBuild extends QueuedBuild {
  eventId: string;
}

/** Argument of the signal `dropBuild`. */
export interface DropBuild {
  buildId: string;
  eventId?: string;
}

/** Argument of the signal `buildFinished`: frees the slot. */
export interface BuildFinished {
  buildId: string;
}

/** Argument of the signal `holdingBuilder` to a build: a worker has a slot for this attempt. */
export interface HoldingBuilder {
  attempt: number;
  /** The host's own queue, on which the steps run. */
  taskQueue: string;
}

/** `build:<buildId>` */
export interface BuildImageInput extends QueuedBuild {
  namespace: string;
  timings?: Timings;
}

/** `scan:<repositoryId>:<digest>:<indexer state>` */
export interface ScanManifestInput {
  repositoryId: number;
  manifestId: number;
  /** `namespace/name` */
  repository: string;
  digest: string;
  timings?: Timings;
}

/** `delivery:<deliveryId>` */
export interface DeliverNotificationInput {
  deliveryId: string;
  /** `namespace/name` */
  repository: string;
  event: string;
  method: string;
  timings?: Timings;
}

/** `advisories:<source>`; started by a schedule. */
export interface UpdateAdvisoriesInput {
  timings?: Timings;
}

/** Started by a schedule every 30 s. */
export interface ReapOrphansInput {
  timings?: Timings;
}

/** Started by a schedule every hour. */
export interface PurgeExpiredInput {
  timings?: Timings;
}

/** Started by a schedule every day. */
export interface SweepStorageInput {
  timings?: Timings;
}
