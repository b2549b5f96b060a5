/** Events that rules can listen to (notifications spec 2.1); only those that something raises today. */
export const EVENT_KINDS = [
  'repo_push',
  'build_queued',
  'build_start',
  'build_success',
  'build_failure',
  'build_cancelled',
  'vulnerability_found',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export const DELIVERY_METHODS = ['webhook', 'email', 'quay_notification'] as const;
export type DeliveryMethod = (typeof DELIVERY_METHODS)[number];

/** A rule that failed this many deliveries in a row is off until somebody resets it. */
export const FAILURES_THAT_DISABLE_A_RULE = 3;

export function isEventKind(name: string): name is EventKind {
  return (EVENT_KINDS as readonly string[]).includes(name);
}
