import type { RegistryClient } from './registry-client';
import { sha256 } from './registry-client';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

export interface BuiltImage {
  body: string;
  digest: string;
  config: { digest: string; text: string };
  layers: { digest: string; bytes: Buffer }[];
}

export interface ImageParts {
  layers?: (Buffer | string)[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  subject?: { mediaType: string; digest: string; size: number };
  artifactType?: string;
}

/** An OCI image of a few bytes; nothing is pushed yet. */
export function buildImage({ layers = ['layer'], labels, ...fields }: ImageParts = {}): BuiltImage {
  const text = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: labels ? { Labels: labels } : {},
    rootfs: { type: 'layers', diff_ids: [] },
  });
  const blobs = layers.map((bytes) => ({ bytes: Buffer.from(bytes), digest: sha256(bytes) }));
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: sha256(text),
      size: Buffer.byteLength(text),
    },
    layers: blobs.map(({ bytes, digest }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size: bytes.length,
    })),
    ...fields,
  });
  return { body, digest: sha256(body), config: { digest: sha256(text), text }, layers: blobs };
}

/** Pushes blobs and manifest; the answer to the manifest's PUT. */
export async function pushImage(
  client: RegistryClient,
  repository: string,
  image: BuiltImage,
  reference: string = image.digest,
): Promise<Response> {
  for (const { bytes } of image.layers) await client.pushBlob(repository, bytes);
  await client.pushBlob(repository, image.config.text);
  return putManifest(client, repository, image.body, reference);
}

export function putManifest(
  client: RegistryClient,
  repository: string,
  body: string,
  reference: string,
  contentType = OCI_MANIFEST,
): Promise<Response> {
  return client.call('PUT', `/v2/${repository}/manifests/${reference}`, {
    body,
    headers: { 'content-type': contentType },
  });
}
