import { promisify } from 'node:util';
import { buffer } from 'node:stream/consumers';
import { constants, gunzip, gzip } from 'node:zlib';

import type { LayerResult } from '../../scanner/layers/layer-result';
import type { Storage } from '../../storage/driver';
import { BlobMissingError } from '../../storage/errors';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/**
 * Results lie in storage and not in the database: one of a million paths is larger than a database takes in one statement.
 * The key follows from the content, so writing it twice is harmless. Answers the key.
 */
export async function saveLayerResult(
  storage: Pick<Storage, 'putObject'>,
  { digest, indexerState }: { digest: string; indexerState: string },
  result: LayerResult,
): Promise<string> {
  const key = `objects/layers/${indexerState}/${digest.replace(':', '/')}`;
  // Most of a large one are digests, which no effort makes smaller.
  await storage.putObject(key, await pack(JSON.stringify(result), { level: constants.Z_BEST_SPEED }));
  return key;
}

/** Undefined when storage has lost it. */
export async function loadLayerResult(
  storage: Pick<Storage, 'getObject'>,
  key: string,
): Promise<LayerResult | undefined> {
  try {
    const { stream } = await storage.getObject(key);
    const json = await unpack(await buffer(stream));
    // Written by `saveLayerResult` of the same indexer state: the key names it.
    return JSON.parse(json.toString('utf8')) as LayerResult;
  } catch (error) {
    if (error instanceof BlobMissingError) return undefined;
    throw error;
  }
}
