import type { Random } from '../support/random';
import type { RegistryClient } from '../support/registry-client';
import type { ClientJournal } from './client-journal';
import type { Turnstile } from './turnstile';

export interface ClientParts {
  name: string;
  /** Nobody else writes to it. */
  repository: string;
  registry: RegistryClient;
  journal: ClientJournal;
  random: Random;
  gate: Turnstile;
  /** What several clients push, so that they meet in storage. */
  shared: readonly Buffer[];
  /** What an upload has lost by a power cut may be refused; after a kill it must not. */
  losesUnsyncedUploads: boolean;
}
