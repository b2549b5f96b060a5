import type { DataSource } from 'typeorm';
import { MoreThan, Not } from 'typeorm';

import { Blob } from '../db/entities/content';
import type { Storage } from '../storage/driver';

const PAGE = 500;
const AT_ONCE = 16;
const SHOWN = 5;

export interface BlobsCheck {
  checked: number;
  /** Digests whose bytes are not there, or not as many as there should be. */
  missing: string[];
}

/** Whether storage has the bytes of every blob that the database knows; sizes are compared, contents are not. */
export async function checkBlobs(dataSource: DataSource, storage: Storage): Promise<BlobsCheck> {
  const missing: string[] = [];
  let checked = 0;
  let after = 0;
  for (;;) {
    const blobs = await dataSource.manager.find(Blob, {
      where: { id: MoreThan(after), state: Not('deleting' as const) },
      order: { id: 'ASC' },
      take: PAGE,
    });
    for (let start = 0; start < blobs.length; start += AT_ONCE) {
      const some = blobs.slice(start, start + AT_ONCE);
      const sizes = await Promise.all(some.map(({ storageKey }) => storage.blobSize(storageKey)));
      missing.push(
        ...some.filter(({ sizeBytes }, at) => sizes[at] !== sizeBytes).map(({ digest }) => digest),
      );
    }
    checked += blobs.length;
    after = blobs.at(-1)?.id ?? after;
    if (blobs.length < PAGE) return { checked, missing };
  }
}

/** One line for people. */
export function describeBlobs({ checked, missing }: BlobsCheck): string {
  if (missing.length === 0) return `all ${checked} are in storage`;
  const more = missing.length > SHOWN ? ', …' : '';
  return `${missing.length} of ${checked} are missing or cut short: ${missing.slice(0, SHOWN).join(', ')}${more}`;
}
