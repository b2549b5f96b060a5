import { randomBytes } from 'node:crypto';

import type { DigestAlgorithm } from '../../model/digests';
import { DOCKER_CONFIG_TYPE, MANIFEST_TYPES } from '../../model/media-types';
import type { Descriptor, ImageFields } from './data-set';
import { DataSet } from './data-set';

export interface DataKind {
  name: string;
  build(): DataSet;
  /** The tags come with the push by digest. */
  tagsComeWithDigest?: boolean;
}

const TYPE_ONE = 'application/vnd.example.conformance.v1';
const TYPE_TWO = 'application/vnd.example.conformance.v2';
const PLATFORMS = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));

/** Kinds of content that a registry has to take, keep and give back as they are (registry spec 15.4). */
export const DATA_KINDS: readonly DataKind[] = [
  kind('an image', (set) => set.image({ tag: 'image' })),
  kind('an image with uncompressed layers', (set) => {
    set.image({ layers: [set.layer('none'), set.layer('none')], tag: 'image-uncompressed' });
  }),
  kind('an image with a large manifest', (set) => {
    const annotations = Array.from({ length: 390 }, (_, n) => [`large-annotation-${n}`, 'A'.repeat(10_000)]);
    set.image({ annotations: Object.fromEntries(annotations) as Record<string, string>, tag: 'large' });
  }),
  kind('an index', (set) => set.index(platformImages(set), { tag: 'index' })),
  kind('an index of indexes', (set) => {
    const inner = [set.index(platformImages(set)), set.index(platformImages(set))];
    set.index(inner, { tag: 'index-of-indexes' });
  }),
  kind('an empty index', (set) => set.index([], { annotations: unique(), tag: 'empty-index' })),
  kind('an artifact', (set) => set.image({ ...artifact(set), tag: 'artifact' })),
  kind('an index of artifacts', (set) => {
    const entries = platformImages(set, () => artifact(set));
    set.index(entries, { artifactType: TYPE_ONE, tag: 'artifact-index' });
  }),
  kind('an artifact without a layer of its own', (set) => {
    const config = set.empty();
    set.image({ config, layers: [config], artifactType: TYPE_ONE, annotations: unique(), tag: 'no-content' });
  }),
  kind('artifacts with a subject', (set) => {
    const subject = set.image({ tag: 'image' });
    set.image({ subject });
    set.image({ ...artifact(set), annotations: unique(), subject, tag: 'artifact-one' });
    set.image({ ...artifact(set, TYPE_TWO), annotations: unique(), subject, tag: 'artifact-two' });
  }),
  kind('an index with a subject', (set) => {
    const subject = set.index(platformImages(set), { tag: 'index' });
    const entries = platformImages(set, () => ({ ...artifact(set), subject }));
    set.index(entries, { artifactType: TYPE_ONE, annotations: unique(), subject, tag: 'artifact-index' });
    set.index(platformImages(set), { subject });
  }),
  kind('an artifact whose subject is missing', (set) => {
    const subject = set.describe(MANIFEST_TYPES.ociImage, randomBytes(123));
    set.image({ ...artifact(set), annotations: unique(), subject, tag: 'artifact' });
  }),
  kind('descriptors with their content in them', (set) => {
    const layers = [set.layer(), set.layer()].map((layer) => withData(set, layer));
    set.image({ config: withData(set, set.config()), layers, tag: 'data' });
  }),
  kind('layers that live elsewhere', (set) => {
    const layers = ['+gzip', ''].map((suffix) => {
      const mediaType = `application/vnd.oci.image.layer.nondistributable.v1.tar${suffix}`;
      return { ...set.describe(mediaType, randomBytes(256)), urls: ['https://layers.example/1'] };
    });
    set.image({ layers: [...layers, set.layer()], tag: 'elsewhere' });
  }),
  kind('fields of no standard', (set) => {
    const custom = { 'org.example.custom': { nested: [1, null, 'two'] } };
    const images = platformImages(set, () => ({ custom, config: set.config(custom) }));
    set.index(images, { custom, tag: 'custom-fields' });
  }),
  kind('an image without layers', (set) => set.image({ layers: [], tag: 'no-layers' })),
  kind('manifests that name what was never pushed', (set) => {
    const layer = set.describe('application/vnd.oci.image.layer.v1.tar+gzip', randomBytes(300));
    set.image({ layers: [set.layer(), layer], tag: 'sparse-image' });
    const image = set.describe(MANIFEST_TYPES.ociImage, randomBytes(1024));
    set.index([set.image(), image], { tag: 'sparse-index' });
  }),
  kind('content of sha512', (set) => set.index(platformImages(set)), { algorithm: 'sha512' }),
  kind('tags that come with the digest', tagged, { tagsComeWithDigest: true }),
  kind('tags that come with a sha512 digest', tagged, { algorithm: 'sha512', tagsComeWithDigest: true }),
  kind("Docker's images and lists", (set) => {
    const images = platformImages(set, () => dockerImage(set));
    set.index(images, { mediaType: MANIFEST_TYPES.dockerList, tag: 'docker-list' });
    set.image({ ...dockerImage(set), tag: 'docker-image' });
  }),
];

function kind(
  name: string,
  fill: (set: DataSet) => unknown,
  options: { algorithm?: DigestAlgorithm; tagsComeWithDigest?: boolean } = {},
): DataKind {
  const { algorithm, ...rest } = options;
  const build = () => {
    const set = new DataSet(algorithm);
    fill(set);
    return set;
  };
  return { name, build, ...rest };
}

function platformImages(set: DataSet, fields: () => ImageFields = () => ({})): Descriptor[] {
  return PLATFORMS.map((platform) => ({ ...set.image(fields()), platform }));
}

function artifact(set: DataSet, artifactType = TYPE_ONE): ImageFields {
  return { artifactType, config: set.empty(), layers: [set.blob(artifactType, randomBytes(512))] };
}

function dockerImage(set: DataSet): ImageFields {
  const config = { ...set.config(), mediaType: DOCKER_CONFIG_TYPE };
  const mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
  return { mediaType: MANIFEST_TYPES.dockerImage, config, layers: [{ ...set.layer(), mediaType }] };
}

/** Every manifest has a tag, the last one two. */
function tagged(set: DataSet): void {
  const images = platformImages(set, () => ({ tag: `image-${set.tags.size}` }));
  const index = set.index(images, { tag: 'index' });
  set.tags.set('index-again', index.digest);
}

function withData(set: DataSet, descriptor: Descriptor): Descriptor {
  return { ...descriptor, data: set.blobs.get(descriptor.digest)?.toString('base64') };
}

/** Keeps manifests of equal content apart. */
function unique(): Record<string, string> {
  return { 'org.example.unique': randomBytes(8).toString('hex') };
}
