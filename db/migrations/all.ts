import { Accounts1763700000000 } from './1763700000000-accounts';
import { Repositories1763700000001 } from './1763700000001-repositories';
import { Content1763700000002 } from './1763700000002-content';
import { Builds1763700000003 } from './1763700000003-builds';
import { Notifications1763700000004 } from './1763700000004-notifications';
import { Scanning1763700000005 } from './1763700000005-scanning';
import { Outbox1763700000006 } from './1763700000006-outbox';
import { OutboxWaiting1763700000007 } from './1763700000007-outbox-waiting';
import { LoginThrottle1763700000010 } from './1763700000010-login-throttle';
import { AppTokens1763700000011 } from './1763700000011-app-tokens';
import { BlobKeys1763700000012 } from './1763700000012-blob-keys';
import { MissingParts1763700000013 } from './1763700000013-missing-parts';
import { BlobAliases1763700000014 } from './1763700000014-blob-aliases';

/** In the order they run. */
export const MIGRATIONS = [
  Accounts1763700000000,
  Repositories1763700000001,
  Content1763700000002,
  Builds1763700000003,
  Notifications1763700000004,
  Scanning1763700000005,
  Outbox1763700000006,
  OutboxWaiting1763700000007,
  LoginThrottle1763700000010,
  AppTokens1763700000011,
  BlobKeys1763700000012,
  MissingParts1763700000013,
  BlobAliases1763700000014,
];
