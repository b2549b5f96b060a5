/** The manifest formats that a push may have (registry spec 10). */
export const MANIFEST_TYPES = {
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociImage: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
} as const;
export type ManifestFormat = keyof typeof MANIFEST_TYPES;
export type ManifestType = (typeof MANIFEST_TYPES)[ManifestFormat];

export const DOCKER_CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json';
export const OCI_CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';

/** The format of a media type without parameters; undefined for a type that is no manifest we take. */
export function manifestFormat(mediaType: string): ManifestFormat | undefined {
  const formats = Object.keys(MANIFEST_TYPES) as ManifestFormat[];
  return formats.find((format) => MANIFEST_TYPES[format] === mediaType);
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === MANIFEST_TYPES.ociIndex || mediaType === MANIFEST_TYPES.dockerList;
}

/** Configs of images that run; every other config belongs to an artifact. */
export function isImageConfigType(mediaType: string | null): boolean {
  return mediaType === DOCKER_CONFIG_TYPE || mediaType === OCI_CONFIG_TYPE;
}

/** Layers that stay where their `urls` say: they need not be here. */
export function isForeignLayerType(mediaType: string): boolean {
  return /\.foreign\.diff\.tar|\.nondistributable\./.test(mediaType);
}

/** Layers that are archives of a file system; those of artifacts hold anything. */
export function isImageLayerType(mediaType: string): boolean {
  return /^application\/vnd\.(oci\.image\.layer\.v1|docker\.image\.rootfs\.diff)\.tar([.+](gzip|zstd))?$/.test(
    mediaType,
  );
}
