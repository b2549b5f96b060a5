import type { AccessPolicy } from '../auth/access';
import type { ClientAddress } from '../auth/client-address';
import type { Passwords } from '../auth/passwords';
import type { ActDeps } from '../commands/act';
import type { Config } from '../config/schema';
import type { PublicAddress } from '../model/event-payloads';
import type { Storage } from '../storage/driver';
import type { Logger } from '../telemetry/logger';

/** What every resource of the API is made from; the composition root passes it to `createApiApp`. */
export interface ApiDeps extends ActDeps {
  config: Config;
  logger: Logger;
  passwords: Passwords;
  storage: Storage;
  /** What the configuration says about permissions. */
  policy: AccessPolicy;
  clientAddress: ClientAddress;
  /** Where clients reach us: links and error types are made from it, never from the request's Host. */
  address: PublicAddress;
  /** Aborts when the process begins to shut down. */
  stopping?: AbortSignal;
}
