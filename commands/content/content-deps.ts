import type { PublicAddress } from '../../model/event-payloads';
import type { GuardedDeps } from '../caller';
import type { PushCreation } from '../repositories/ensure-repository';

/** What the acts on content need of their process. */
export interface ContentDeps extends GuardedDeps, PushCreation {
  address: PublicAddress;
  /** `FEATURE_SPARSE_INDEX`: manifests may name what their repository does not have yet; refused unless this is true. */
  allowsSparse?: boolean;
  /** How long a blob or an untagged manifest stays without anything that refers to it. */
  contentHoldMs: number;
  /** Where storage keeps the bytes of a session, by its uuid and epoch. */
  uploadKey: (uuid: string, epoch: number) => string;
  /** How long an upload session may lie idle. */
  uploadLifetimeMs: number;
}
