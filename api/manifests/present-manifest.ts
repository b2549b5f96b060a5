import { z } from 'zod';

import type { Manifest } from '../../db/entities/content';
import { isForeignLayerType, isIndexType } from '../../model/media-types';
import { rfcDate } from '../present/dates';
import type { HistoryEntry } from './image-config';

const layer = z.looseObject({
  mediaType: z.string(),
  digest: z.string(),
  size: z.number(),
  urls: z.array(z.string()).nullish(),
});
const image = z.looseObject({ config: z.looseObject({ digest: z.string() }), layers: z.array(layer) });
type ImageManifest = z.infer<typeof image>;

/** What the stored bytes say about config and layers; undefined for an index. */
export function readImageManifest(manifest: Manifest): ImageManifest | undefined {
  return image.safeParse(JSON.parse(manifest.body.toString('utf8'))).data;
}

/** The view of api spec 8; `history` has one entry for each layer, as far as the config knows. */
export function presentManifest(digest: string, manifest: Manifest, history: HistoryEntry[]) {
  const content = readImageManifest(manifest);
  return {
    digest,
    is_manifest_list: isIndexType(manifest.mediaType),
    manifest_data: manifest.body.toString('utf8'),
    config_media_type: manifest.configMediaType,
    layers_compressed_size: manifest.layersSizeBytes ?? 0,
    layers: content ? content.layers.map((entry, index) => presentLayer(entry, index, history[index])) : null,
  };
}

function presentLayer(entry: z.infer<typeof layer>, index: number, history: HistoryEntry | undefined) {
  const createdMs = Date.parse(history?.created ?? '');
  return {
    index,
    compressed_size: entry.size,
    is_remote: isForeignLayerType(entry.mediaType),
    urls: entry.urls ?? null,
    command: history?.created_by ? [history.created_by] : null,
    comment: history?.comment ?? null,
    author: history?.author ?? null,
    blob_digest: entry.digest,
    created_datetime: Number.isNaN(createdMs) ? null : rfcDate(createdMs),
  };
}
