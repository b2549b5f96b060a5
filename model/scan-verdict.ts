import type { Descriptor, ParsedManifest } from './manifests';
import { isImageConfigType, isImageLayerType, isIndexType } from './media-types';

export type ScanVerdict =
  | { verdict: 'scan'; layers: Descriptor[] }
  | { verdict: 'unsupported' | 'manifest_layer_too_large'; reason: string };

/** More than any engine can run; a manifest of a few megabytes could name tens of thousands. */
const MOST_LAYERS = 256;

/** Whether a manifest is an image whose layers can be looked into (scanning spec 2.1, 5.3). */
export function decideScan(manifest: ParsedManifest, largestLayerBytes: number): ScanVerdict {
  const reason = reasonNotToScan(manifest);
  if (reason !== undefined) return { verdict: 'unsupported', reason };
  const large = manifest.layers.find((layer) => layer.size > largestLayerBytes);
  if (large) {
    return {
      verdict: 'manifest_layer_too_large',
      reason: `layer ${large.digest} has ${large.size} bytes, more than the ${largestLayerBytes} that are scanned`,
    };
  }
  return { verdict: 'scan', layers: manifest.layers };
}

function reasonNotToScan(manifest: ParsedManifest): string | undefined {
  const { mediaType, config, layers, layersSizeBytes } = manifest;
  if (isIndexType(mediaType)) return 'an index has no layers of its own; its manifests are scanned';
  if (!isImageConfigType(config?.mediaType ?? null)) {
    return `an artifact of type "${config?.mediaType ?? ''}" is not an image`;
  }
  const strange = layers.find((layer) => !isImageLayerType(layer.mediaType));
  if (strange) return `a layer of type "${strange.mediaType}" is not one of an image`;
  const storedBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
  // Layers that live elsewhere count in the sum although they are not listed.
  if (layersSizeBytes !== storedBytes) return 'some of its layers are not stored in this registry';
  if (layers.length === 0) return 'it has no layers';
  const distinct = new Set(layers.map((layer) => layer.digest)).size;
  return distinct > MOST_LAYERS
    ? `it has ${distinct} layers, more than the ${MOST_LAYERS} that are scanned`
    : undefined;
}
