import { Entity, Index } from 'typeorm';

import { Big, Int, Text } from '../columns';

/** Wrong passwords for one account, or a name that nobody has, from one address. */
@Entity('login_backoff')
@Index('login_backoff_expiry', ['expiresAtMs'])
export class LoginBackoffRow {
  /** SHA-256: people type passwords where their names belong. */
  @Text(64, { primary: true }) subject: string;
  /** The network of it for IPv6. */
  @Text(45, { primary: true }) address: string;
  @Int() failures: number;
  @Big() blockedUntilMs: number;
  @Big() expiresAtMs: number;
}

/** The same summed over all addresses of a subject, and over all subjects of an address. */
@Entity('login_flood')
@Index('login_flood_drained', ['drainedAtMs'])
export class LoginFloodRow {
  /** A subject or an address. */
  @Text(64, { primary: true }) scope: string;
  /** When the last of the failures will be forgiven. */
  @Big() drainedAtMs: number;
}
