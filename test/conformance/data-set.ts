import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { DigestAlgorithm } from '../../model/digests';
import { MANIFEST_TYPES, OCI_CONFIG_TYPE } from '../../model/media-types';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  [field: string]: unknown;
}

export interface BuiltManifest {
  digest: string;
  mediaType: string;
  bytes: Buffer;
  subject?: string;
  /** How the list of referrers describes it. */
  asReferrer: Record<string, unknown>;
}

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';

interface ManifestFields {
  mediaType?: string;
  artifactType?: string;
  annotations?: Record<string, string>;
  subject?: Descriptor;
  /** More fields, of no standard. */
  custom?: Record<string, unknown>;
  tag?: string;
}

export interface ImageFields extends ManifestFields {
  config?: Descriptor;
  layers?: Descriptor[];
}

/** Content that belongs together: what is pushed, in which order, and what the registry must then say of it. */
export class DataSet {
  readonly blobs = new Map<string, Buffer>();
  /** Whatever a manifest names comes before it. */
  readonly manifests: BuiltManifest[] = [];
  /** Digests by tag. */
  readonly tags = new Map<string, string>();

  constructor(private readonly algorithm: DigestAlgorithm = 'sha256') {}

  blob(mediaType: string, bytes: Buffer): Descriptor {
    const descriptor = this.describe(mediaType, bytes);
    this.blobs.set(descriptor.digest, bytes);
    return descriptor;
  }

  /** What is described but never pushed. */
  describe(mediaType: string, bytes: Buffer): Descriptor {
    return { mediaType, digest: digestOf(this.algorithm, bytes), size: bytes.length };
  }

  layer(compression: 'gzip' | 'none' = 'gzip'): Descriptor {
    const bytes = randomBytes(300);
    return compression === 'gzip'
      ? this.blob(`${LAYER_TYPE}+gzip`, gzipSync(bytes))
      : this.blob(LAYER_TYPE, bytes);
  }

  config(fields: Record<string, unknown> = {}): Descriptor {
    const config = { architecture: 'amd64', os: 'linux', author: randomBytes(8).toString('hex'), ...fields };
    return this.blob(OCI_CONFIG_TYPE, jsonBytes({ ...config, rootfs: { type: 'layers', diff_ids: [] } }));
  }

  empty(): Descriptor {
    return this.blob(EMPTY_TYPE, Buffer.from('{}'));
  }

  image({
    config = this.config(),
    layers = [this.layer(), this.layer()],
    ...rest
  }: ImageFields = {}): Descriptor {
    const mediaType = rest.mediaType ?? MANIFEST_TYPES.ociImage;
    const artifactType = rest.artifactType ?? config.mediaType;
    return this.manifest({ ...rest, mediaType }, { config, layers }, artifactType);
  }

  index(manifests: Descriptor[], fields: ManifestFields = {}): Descriptor {
    const mediaType = fields.mediaType ?? MANIFEST_TYPES.ociIndex;
    return this.manifest({ ...fields, mediaType }, { manifests }, fields.artifactType);
  }

  private manifest(
    { tag, custom, ...fields }: ManifestFields & { mediaType: string },
    parts: Record<string, unknown>,
    artifactType: string | undefined,
  ): Descriptor {
    const { mediaType, subject, annotations } = fields;
    const bytes = jsonBytes({ schemaVersion: 2, ...fields, ...parts, ...custom });
    const descriptor = this.describe(mediaType, bytes);
    this.manifests.push({
      ...{ digest: descriptor.digest, mediaType, bytes },
      ...(subject && { subject: subject.digest }),
      asReferrer: {
        ...descriptor,
        ...(artifactType && { artifactType }),
        ...(annotations && { annotations }),
      },
    });
    if (tag !== undefined) this.tags.set(tag, descriptor.digest);
    return descriptor;
  }
}

export function digestOf(algorithm: DigestAlgorithm, bytes: Buffer): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
