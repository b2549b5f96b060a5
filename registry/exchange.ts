import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AccessPolicy } from '../auth/access';
import type { ClientAddress } from '../auth/client-address';
import type { ContentDeps } from '../commands/content/content-deps';
import type { Pusher } from '../commands/content/pusher';
import type { PreparedPool } from '../db/pool';
import type { ReadableBlob, StoredManifest } from '../db/stores/content-reads';
import type { RepositoryPath } from '../model/names';
import type { OutageLog } from '../telemetry/outage-log';
import type { HandOver } from './blobs/hand-over';
import type { ReadAccess } from './read-access';
import type { RegistryDeps } from './registry-deps';
import type { RoutePath } from './route-path';
import type { SharedReads } from './shared-reads';
import type { ProvenToken, RegistryTokens } from './token/registry-tokens';
import type { UploadSessions } from './uploads/upload-sessions';

/** What every handler of the registry shares; made once for the process. */
export interface Registry {
  deps: RegistryDeps;
  policy: AccessPolicy;
  content: ContentDeps;
  pool: PreparedPool;
  tokens: RegistryTokens;
  readAccess: ReadAccess;
  sessions: UploadSessions;
  manifestReads: SharedReads<StoredManifest | undefined>;
  blobReads: SharedReads<ReadableBlob | undefined>;
  outages: OutageLog;
  clientAddress: ClientAddress;
  handOver: HandOver;
}

/** One request on its way to an answer. */
export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  query: URLSearchParams;
  route: RoutePath;
  /** Lets a client that waits with its body (`Expect: 100-continue`) send it. */
  acceptBody: () => void;
}

/** One whose token was looked at. */
export interface ProvenExchange extends Exchange {
  token: ProvenToken;
  pusher: Pusher;
}

/** One on a repository, for which the token has the scope. */
export interface RepositoryExchange extends ProvenExchange {
  path: RepositoryPath;
  /** What the client may do here by its token. */
  granted: readonly string[];
}

/** One on a repository that is there and may be read. */
export interface ReadExchange extends RepositoryExchange {
  repositoryId: number;
  isPublic: boolean;
}
