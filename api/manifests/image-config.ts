import type { EntityManager } from 'typeorm';
import { z } from 'zod';

import { findLinkedBlob } from '../../db/stores/blobs';
import type { Storage } from '../../storage/driver';
import { BlobMissingError } from '../../storage/errors';

const history = z.looseObject({
  created: z.string().nullish(),
  created_by: z.string().nullish(),
  comment: z.string().nullish(),
  author: z.string().nullish(),
  empty_layer: z.boolean().nullish(),
});
const imageConfig = z.looseObject({ history: z.array(history).nullish() });

export type HistoryEntry = z.infer<typeof history>;

const LARGEST_CONFIG_BYTES = 1024 * 1024;

/**
 * How each layer of an image came to be, base first; empty when the config is not in the repository, larger than a megabyte, or no
 * image's: people may push anything as a config, and the view of its manifest must not fail for it.
 */
export async function readLayerHistory(
  manager: EntityManager,
  storage: Storage,
  { repositoryId, digest }: { repositoryId: number; digest: string },
): Promise<HistoryEntry[]> {
  const blob = await findLinkedBlob(manager, repositoryId, digest);
  if (!blob || blob.sizeBytes > LARGEST_CONFIG_BYTES) return [];
  const parsed = imageConfig.safeParse(parseJson(await readText(storage, blob.storageKey)));
  return (parsed.data?.history ?? []).filter((entry) => !entry.empty_layer);
}

async function readText(storage: Storage, key: string): Promise<string> {
  try {
    const { stream } = await storage.readBlob(key);
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    if (error instanceof BlobMissingError) return '';
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not an image's config.
  }
}
