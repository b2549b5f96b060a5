import { rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Product } from '../../test/support/product';
import type { Project } from '../../test/support/project';
import { createProject } from '../../test/support/project';
import { RegistryClient } from '../../test/support/registry-client';

/** The repository of one side, and the token of a trigger that may push there. */
export interface Side {
  project: Project;
  username: '$token';
  password: string;
  registry: RegistryClient;
}

/** What a build pushes: the tag of the branch, and `latest` because it is the default one. */
export const TAGS = ['main', 'latest'];

/** Both sides push as `$token` with a token of the same kind, each to a repository of its own. */
export async function createSide(made: Product): Promise<Side> {
  const project = await createProject(made);
  // The bench makes the webhook call itself, to time it.
  rmSync(join(project.source.bare, 'hooks', 'post-receive'));
  const password = decodeURIComponent(new URL(project.webhookUrl).password);
  const username = '$token';
  return { project, username, password, registry: new RegistryClient(made.base, { username, password }) };
}

export interface PushedImage {
  digest: string;
  /** Compressed layers, base first. */
  layers: { digest: string; size: number }[];
}

/** What a puller of the tag gets; undefined as long as there is nothing. */
export async function readTag({ project, registry }: Side, tag: string): Promise<PushedImage | undefined> {
  const path = `/v2/${project.path}/manifests/${tag}`;
  const accept = [
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
  ];
  const response = await registry.call('GET', path, { headers: { accept: accept.join(', ') } });
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  if (response.status !== 200) throw new Error(`${path}: ${response.status}: ${await response.text()}`);
  const manifest = (await response.json()) as Pick<PushedImage, 'layers'>;
  return { digest: response.headers.get('docker-content-digest') ?? '', layers: manifest.layers };
}
