import type { BlobContent } from './blob-pushes';
import type { ClientRepository } from './repository';

/** Two repositories of one client. */
export interface Place {
  one: ClientRepository;
  two: ClientRepository;
}

/** A blob that nobody has. */
export type RandomBlob = (sizeBytes: number) => BlobContent;
