import { isGrpcServiceError } from '@temporalio/client';

// gRPC status codes that say something of the way to Temporal or of its load, and nothing of the request.
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
const OUTAGE_CODES = new Set([
  CANCELLED,
  DEADLINE_EXCEEDED,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  UNAVAILABLE,
  UNAUTHENTICATED,
]);

/** True when Temporal was not there to answer, or has no namespace for us yet; the request itself may be fine. */
export function isTemporalUnreachable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'NamespaceNotFoundError') return true;
    if (isGrpcServiceError(at)) return OUTAGE_CODES.has(at.code);
  }
  return false;
}
