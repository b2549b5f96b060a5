/** Task queues (temporal spec 3). Only `orchestration` runs workflow code. */
export const QUEUES = {
  orchestration: 'orchestration',
  /** Slots of build workers: polled for `holdBuilder` only. */
  build: 'build',
  scan: 'scan',
  deliver: 'deliver',
  maintenance: 'maintenance',
} as const;

/** The queue of one build worker's host, on which the steps of the builds that it holds run. */
export function hostQueue(hostId: string): string {
  return `build:${hostId}`;
}
