import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { DurableFolders } from './durable-folders';
import { isMissing } from './filesystem-errors';

/** Renames, making the folder where needed, and returns when the new name survives a power cut. */
export async function moveDurably(from: string, to: string, folders: DurableFolders): Promise<void> {
  const folder = dirname(to);
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await folders.make(folder);
    await rename(from, to);
  }
  await folders.sync(folder);
}
