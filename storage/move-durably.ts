import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

import { isMissing } from './filesystem-errors';

/** Renames, making the folder where needed, and returns when the new name survives a power cut. */
export async function moveDurably(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const created = await mkdir(folder, { recursive: true });
    await rename(from, to);
    if (created !== undefined) await syncAbove(folder, dirname(created));
  }
  await syncFolder(folder);
}

/** A new folder is durable only when the folder that names it is synced as well. */
async function syncAbove(folder: string, top: string): Promise<void> {
  if (folder === top) return;
  const parent = dirname(folder);
  await syncFolder(parent);
  await syncAbove(parent, top);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
