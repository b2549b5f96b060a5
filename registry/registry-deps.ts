import type { DataSource } from 'typeorm';

import type { Passwords } from '../auth/passwords';
import type { Config } from '../config/schema';
import type { Storage } from '../storage/driver';
import type { Logger } from '../telemetry/logger';

export type OnLookup = ((cache: string, isHit: boolean) => void) | undefined;

/** What the composition root gives to the registry. */
export interface RegistryDeps {
  config: Pick<
    Config,
    | 'SERVER_HOSTNAME'
    | 'PREFERRED_URL_SCHEME'
    | 'TRUSTED_PROXY_NETWORKS'
    | 'BLOB_HANDOFF_LOCATION'
    | 'SUPER_USERS'
    | 'GLOBAL_READONLY_SUPER_USERS'
    | 'ROBOTS_DISALLOW'
    | 'ROBOTS_WHITELIST'
    | 'FEATURE_APP_SPECIFIC_TOKENS'
    | 'FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH'
    | 'FEATURE_ANONYMOUS_ACCESS'
    | 'ACTION_LOG_AUDIT_LOGINS'
    | 'ACTION_LOG_AUDIT_LOGIN_FAILURES'
    | 'FEATURE_PUBLIC_CATALOG'
    | 'REGISTRY_STATE'
    | 'DISABLE_PUSHES'
    | 'FEATURE_SPARSE_INDEX'
    | 'FEATURE_PROXY_STORAGE'
    | 'FEATURE_SUPERUSERS_FULL_ACCESS'
    | 'CREATE_PRIVATE_REPO_ON_PUSH'
    | 'CREATE_NAMESPACE_ON_PUSH'
    | 'DEFAULT_TAG_EXPIRATION'
    | 'PUSH_TEMP_TAG_EXPIRATION_SEC'
    | 'REGISTRY_JWT_LIFETIME_S'
    | 'MAXIMUM_LAYER_SIZE_BYTES'
    | 'MAXIMUM_MANIFEST_SIZE_BYTES'
    | 'BLOBUPLOAD_DELETION_DATE_THRESHOLD'
  >;
  dataSource: DataSource;
  storage: Storage;
  passwords: Passwords;
  logger: Logger;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Names this process among those that share the database; it owns upload sessions under this name. */
  processId: string;
  /** Told of the work of every request, which may outlast its connection; it never rejects. */
  onWork?: (work: Promise<void>) => void;
  /** Told of every look into a cache, by its name. */
  onLookup?: OnLookup;
}
