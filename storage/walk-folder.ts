import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

import { isMissing } from './filesystem-errors';

const NAMES_AT_ONCE = 256;

/** The paths of all files below a folder, a few names in memory at a time; a folder that is not there has none. */
export async function* walkFolder(path: string): AsyncGenerator<string> {
  const folder = await opendir(path, { bufferSize: NAMES_AT_ONCE }).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (!folder) return;
  for await (const entry of folder) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) yield* walkFolder(inside);
    else yield inside;
  }
}
