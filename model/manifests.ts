import { z } from 'zod';

import { isDigest } from './digests';
import { duplicateKey } from './duplicate-key';
import { DOCKER_CONFIG_TYPE, MANIFEST_TYPES, isForeignLayerType, manifestFormat } from './media-types';
import type { ManifestFormat, ManifestType } from './media-types';

const mediaType = z
  .string()
  .max(255, 'is longer than 255 characters')
  .regex(/^[\w.+-]+\/[-.\w]+(?:\+[-.\w]+)?$/, 'is not a media type');
const annotations = z.record(z.string(), z.string()).nullish();

const descriptor = z.looseObject({
  mediaType,
  digest: z.string().refine(isDigest, 'is not a sha256 or sha512 digest'),
  size: z.number().int().min(0),
  urls: z.array(z.string()).nullish(),
});

const listEntry = descriptor.extend({
  platform: z.looseObject({ architecture: z.string().min(1), os: z.string().min(1) }),
});

const common = {
  schemaVersion: z.literal(2),
  mediaType: mediaType.nullish(),
  artifactType: mediaType.nullish(),
  subject: descriptor.nullish(),
  annotations,
};

const image = z.looseObject({ ...common, config: descriptor, layers: z.array(descriptor) });
const index = z.looseObject({ ...common, manifests: z.array(descriptor) });

const SCHEMAS = {
  dockerImage: image.refine(({ config }) => config.mediaType === DOCKER_CONFIG_TYPE, {
    path: ['config', 'mediaType'],
    message: `must be ${DOCKER_CONFIG_TYPE}`,
  }),
  dockerList: index.extend({ manifests: z.array(listEntry) }),
  ociImage: image,
  ociIndex: index,
} as const satisfies Record<ManifestFormat, unknown>;

const DOCKER_LAYER_TYPE = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?$/;

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** What the registry needs to know of a manifest; the bytes themselves are stored as they came. */
export interface ParsedManifest {
  mediaType: ManifestType;
  format: ManifestFormat;
  /** Null for an index. */
  config: Descriptor | null;
  /** Base first, without the layers that live elsewhere (foreign, non-distributable). */
  layers: Descriptor[];
  /** Sum over all layers; null for an index. */
  layersSizeBytes: number | null;
  /** Manifests that an index names. */
  children: Descriptor[];
  subject: Descriptor | null;
  artifactType: string | null;
  annotations: Record<string, string>;
}

export type ManifestVerdict =
  { ok: true; manifest: ParsedManifest } | { ok: false; unsupported: boolean; problem: string };

/**
 * Reads and checks a manifest (registry spec 10). `contentType` is the header of the push, parameters and all; when it
 * is absent the body's own `mediaType` counts. `unsupported` means a type that we do not take, as opposed to a bad body.
 */
export function parseManifest(contentType: string, text: string): ManifestVerdict {
  const json = parseJsonObject(text);
  if (!json) return refused('the body is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) return refused(`the field "${twice}" is there twice`);
  const own = typeof json.mediaType === 'string' ? json.mediaType : '';
  const stated = contentType.trim() === '' ? own : mediaTypeOf(contentType);
  const format = manifestFormat(stated);
  if (!format) return { ok: false, unsupported: true, problem: 'manifest schema version not supported' };
  const type = MANIFEST_TYPES[format];
  if (typeof json.mediaType === 'string' && json.mediaType !== type) {
    return refused(`mediaType "${json.mediaType}" differs from the content type "${type}"`);
  }
  return format === 'dockerList' || format === 'ociIndex' ? readIndex(format, json) : readImage(format, json);
}

function readImage(format: 'dockerImage' | 'ociImage', json: Record<string, unknown>): ManifestVerdict {
  // A body that reads as both an image and an index means different things to different clients.
  if ('manifests' in json) return refused('an image manifest must not have "manifests"');
  const parsed = SCHEMAS[format].safeParse(json);
  if (!parsed.success) return refused(firstProblem(parsed.error));
  const { config, layers } = parsed.data;
  const strange = layers.find(
    (layer) => format === 'dockerImage' && !DOCKER_LAYER_TYPE.test(layer.mediaType),
  );
  if (strange) return refused(`layer type "${strange.mediaType}" is not one of Docker's`);
  const layersSizeBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
  // Sizes of layers that live elsewhere are only claimed.
  if (!Number.isSafeInteger(layersSizeBytes)) return refused('layers: their sizes are too large together');
  const stored = layers.filter((layer) => !isForeignLayerType(layer.mediaType));
  return accepted(format, parsed.data, {
    config: plain(config),
    layers: stored.map(plain),
    layersSizeBytes,
    children: [],
  });
}

function readIndex(format: 'dockerList' | 'ociIndex', json: Record<string, unknown>): ManifestVerdict {
  if ('layers' in json || 'config' in json) return refused('an index must not have "config" or "layers"');
  const parsed = SCHEMAS[format].safeParse(json);
  if (!parsed.success) return refused(firstProblem(parsed.error));
  return accepted(format, parsed.data, {
    config: null,
    layers: [],
    layersSizeBytes: null,
    children: parsed.data.manifests.map(plain),
  });
}

function accepted(
  format: ManifestFormat,
  read: Pick<z.infer<typeof index>, 'subject' | 'artifactType' | 'annotations'>,
  parts: Pick<ParsedManifest, 'config' | 'layers' | 'layersSizeBytes' | 'children'>,
): ManifestVerdict {
  return {
    ok: true,
    manifest: {
      mediaType: MANIFEST_TYPES[format],
      format,
      subject: read.subject ? plain(read.subject) : null,
      artifactType: read.artifactType ?? null,
      annotations: read.annotations ?? {},
      ...parts,
    },
  };
}

function refused(problem: string): ManifestVerdict {
  return { ok: false, unsupported: false, problem };
}

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.')}: ${issue.message}` : 'the manifest is malformed';
}

function plain({ mediaType: type, digest, size }: Descriptor): Descriptor {
  return { mediaType: type, digest, size };
}

/** A media type without its parameters, in lower case. */
function mediaTypeOf(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // The caller names the problem.
  }
}
