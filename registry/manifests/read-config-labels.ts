import { buffer } from 'node:stream/consumers';

import { blobLinkedTo } from '../../db/stores/content-reads';
import type { Labels } from '../../model/manifest-labels';
import { labelsOfConfig } from '../../model/manifest-labels';
import type { ParsedManifest } from '../../model/manifests';
import { isImageConfigType } from '../../model/media-types';
import type { RepositoryPath } from '../../model/names';
import { BlobMissingError } from '../../storage/errors';
import { RegistryError } from '../errors';
import type { Registry } from '../exchange';

/** Configs of images are small; a larger one has labels that nobody needs. */
const CONFIG_LIMIT_BYTES = 4 * 1024 ** 2;

/**
 * Labels of an image's config, read before the transaction that stores its manifest; that one refuses when the blob is
 * not the repository's own, which is not looked at here: what it holds, or that it is there, concerns nobody else.
 * `{}` for artifacts, whose configs are none of our business.
 */
export async function readConfigLabels(
  registry: Registry,
  path: RepositoryPath,
  { config, format }: ParsedManifest,
): Promise<Labels> {
  if (!config || !isImageConfigType(config.mediaType)) return {};
  const text = await readConfig(registry, path, config.digest);
  if (text === undefined) return {};
  if (format === 'dockerImage' && !isJsonObject(text)) {
    throw new RegistryError(
      'MANIFEST_INVALID',
      { config: config.digest },
      { message: `config "${config.digest}" is not a JSON object` },
    );
  }
  return labelsOfConfig(text);
}

async function readConfig(
  { pool, deps }: Registry,
  path: RepositoryPath,
  digest: string,
): Promise<string | undefined> {
  const stored = await blobLinkedTo(pool, path, digest);
  if (!stored || stored.sizeBytes > CONFIG_LIMIT_BYTES) return undefined;
  try {
    const { stream } = await deps.storage.readBlob(stored.storageKey);
    return (await buffer(stream)).toString('utf8');
  } catch (error) {
    if (error instanceof BlobMissingError) {
      throw new RegistryError('MANIFEST_BLOB_UNKNOWN', { digest }, { cause: error });
    }
    throw error;
  }
}

function isJsonObject(text: string): boolean {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json);
  } catch {
    return false; // That is the answer.
  }
}
