import type { ActDeps } from '../commands/act';
import type { Config } from '../config/schema';
import type { Logger } from '../telemetry/logger';

/** What every resource of the API is made from; the composition root passes it to `createApiApp`. */
export interface ApiDeps extends ActDeps {
  config: Config;
  logger: Logger;
}

/** Where clients reach us; links and error types are made from it, never from the request's Host. */
export function publicUrl(config: Pick<Config, 'PREFERRED_URL_SCHEME' | 'SERVER_HOSTNAME'>): string {
  return `${config.PREFERRED_URL_SCHEME}://${config.SERVER_HOSTNAME}`;
}
