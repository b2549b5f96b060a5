import { createHash } from 'node:crypto';

import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../support/images';
import type { Random } from '../../support/random';
import type { World } from './model-registry';
import { EMPTY_LAYER } from './model-registry';
import type { Descriptor } from './read-manifest';

export const CALLERS = ['ann', 'bob', 'nobody'] as const;
export type Caller = (typeof CALLERS)[number];

export const TAGS = ['latest', 'v1', 'v2', 'V1', '_x', 'a.b', 'a-b', '0'];
export const ARTIFACT_TYPES = ['application/vnd.test.sbom', 'application/vnd.test.signature'];
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
const IMAGES = 26;
const INDEXES = 10;

/** Names that no other run has had, so that a plan can be carried out again beside what it left the last time. */
export interface Names {
  host: string;
  ann: string;
  bob: string;
  salt: string;
}

export interface PlannedManifest {
  mediaType: string;
  body: Buffer;
  blobs: string[];
  children: PlannedManifest[];
}

/** What the steps of a run are about. */
export interface Scene {
  world: World<Caller>;
  repositories: string[];
  blobs: Buffer[];
  manifests: PlannedManifest[];
  /** What a push is to be refused for. */
  malformed: Buffer[];
}

export function setScene(random: Random, names: Names): Scene {
  const world = buildWorld(names);
  const blobs = [Buffer.alloc(0), EMPTY_LAYER, ...saltedBlobs(random, names.salt)];
  const configs = [1, 2, 3].map((n) => Buffer.from(JSON.stringify({ os: 'linux', n, salt: names.salt })));
  const manifests: PlannedManifest[] = [];
  for (let n = 0; n < IMAGES; n += 1) manifests.push(planImage(random, { n, blobs, configs, manifests }));
  for (let n = 0; n < INDEXES; n += 1) manifests.push(planIndex(random, n, manifests));
  const repositories = [...world.grants.keys()];
  return { world, repositories, blobs: [...blobs, ...configs], manifests, malformed: malform(manifests) };
}

function buildWorld({ host, ann, bob }: Names): World<Caller> {
  return {
    host,
    grants: new Map([
      [`${ann}/app`, { ann: 'write' }],
      [`${ann}/deep/er`, { ann: 'write' }],
      [`${ann}/open`, { ann: 'write' }],
      [`${ann}/shared`, { ann: 'write', bob: 'read' }],
      [`${ann}/team`, { ann: 'write', bob: 'write' }],
      [`${bob}/own`, { bob: 'write' }],
    ]),
    premade: new Map([
      [`${ann}/open`, 'public'],
      [`${ann}/shared`, 'private'],
      [`${ann}/team`, 'private'],
    ]),
  };
}

function saltedBlobs(random: Random, salt: string): Buffer[] {
  return Array.from({ length: 9 }, (_, n) =>
    Buffer.concat([Buffer.from(`${salt} ${n} `), Buffer.alloc(random.between(0, 700), n)]),
  );
}

interface Stock {
  n: number;
  blobs: Buffer[];
  configs: Buffer[];
  manifests: PlannedManifest[];
}

function planImage(random: Random, { n, blobs, configs, manifests }: Stock): PlannedManifest {
  const isDocker = n % 6 === 5;
  const config = random.pick(configs);
  const layers = Array.from({ length: random.between(0, 3) }, () => random.pick(blobs));
  const layerType = isDocker
    ? 'application/vnd.docker.image.rootfs.diff.tar.gzip'
    : 'application/vnd.oci.image.layer.v1.tar+gzip';
  const body = manifestBody(isDocker ? DOCKER_MANIFEST : OCI_MANIFEST, n, {
    config: describe(isDocker ? DOCKER_CONFIG : OCI_CONFIG, config),
    layers: layers.map((layer) => describe(layerType, layer)),
    ...(n % 3 === 1 && subjectOf(random, manifests)),
    ...(n % 4 === 1 && { artifactType: random.pick(ARTIFACT_TYPES) }),
    annotations: { n: String(n) },
  });
  const mediaType = isDocker ? DOCKER_MANIFEST : OCI_MANIFEST;
  return { mediaType, body, blobs: [config, ...layers].map((blob) => sha256(blob)), children: [] };
}

/** Some name indexes that were planned before. */
function planIndex(random: Random, n: number, manifests: PlannedManifest[]): PlannedManifest {
  const children = [...new Set(Array.from({ length: random.between(0, 3) }, () => random.pick(manifests)))];
  const body = manifestBody(OCI_INDEX, n, {
    manifests: children.map((child) => describe(child.mediaType, child.body)),
    ...(n % 3 === 0 && subjectOf(random, manifests)),
    ...(n % 4 === 0 && { artifactType: random.pick(ARTIFACT_TYPES) }),
    // An empty index of another run would be the same one.
    annotations: { n: String(n), like: sha256(manifests[0]?.body ?? '') },
  });
  return { mediaType: OCI_INDEX, body, blobs: [], children };
}

function subjectOf(random: Random, manifests: PlannedManifest[]): { subject?: Descriptor } {
  const subject = manifests[random.between(0, Math.min(5, manifests.length - 1))];
  return subject ? { subject: describe(subject.mediaType, subject.body) } : {};
}

/** Every fifth leaves its type to the header of its push. */
function manifestBody(mediaType: string, n: number, parts: object): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, ...(n % 5 !== 4 && { mediaType }), ...parts }));
}

function malform([first]: PlannedManifest[]): Buffer[] {
  const image = JSON.parse(first?.body.toString() ?? '{}') as { config: Descriptor };
  const config = { ...image.config, size: image.config.size + 1 };
  return [
    '{"schemaVersion": 2,',
    JSON.stringify({ ...image, layers: undefined }),
    JSON.stringify({ ...image, mediaType: OCI_INDEX }),
    JSON.stringify({ ...image, config }),
  ].map((text) => Buffer.from(text));
}

function describe(mediaType: string, content: Buffer): Descriptor {
  return { mediaType, digest: sha256(content), size: content.length };
}

export function sha256(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function sha512(content: Buffer | string): string {
  return `sha512:${createHash('sha512').update(content).digest('hex')}`;
}
