import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../support/images';
import { Refusal } from './reply';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** What the model wants to know of a manifest. */
export interface Manifest {
  mediaType: string;
  body: Buffer;
  /** Config and layers. */
  blobs: Descriptor[];
  children: Descriptor[];
  subject: string | null;
  artifactType: string | null;
  annotations: Record<string, string> | undefined;
}

interface Parts {
  mediaType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Reads what the plan pushes: manifests that are right, and the few ways in which it makes them wrong (registry spec 10). */
export function readManifest(contentType: string | undefined, body: Buffer): Manifest {
  const parts = parse(body);
  const mediaType = contentType?.split(';')[0] ?? parts.mediaType ?? '';
  if (![OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST].includes(mediaType)) {
    throw new Refusal('MANIFEST_INVALID', {}, 415);
  }
  const { config, layers, manifests } = parts;
  const isComplete = mediaType === OCI_INDEX ? manifests !== undefined : config && layers;
  if (!isComplete || (parts.mediaType ?? mediaType) !== mediaType) throw new Refusal('MANIFEST_INVALID');
  return {
    mediaType,
    body,
    blobs: [...(config ? [config] : []), ...(layers ?? [])],
    children: manifests ?? [],
    subject: parts.subject?.digest ?? null,
    artifactType: parts.artifactType ?? config?.mediaType ?? null,
    annotations: parts.annotations,
  };
}

function parse(body: Buffer): Parts {
  try {
    return JSON.parse(body.toString('utf8')) as Parts;
  } catch {
    throw new Refusal('MANIFEST_INVALID');
  }
}
