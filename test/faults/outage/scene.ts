import { Account } from '../../../db/entities/accounts';
import { NotificationRule } from '../../../db/entities/notifications';
import { Repository } from '../../../db/entities/repositories';
import type { Product } from '../../support/product';
import type { Project } from '../../support/project';
import { createProject } from '../../support/project';
import type { Receiver } from '../../support/receiver';
import { startReceiver } from '../../support/receiver';
import { RegistryClient } from '../../support/registry-client';
import { buildImage, OCI_MANIFEST } from '../../support/images';
import { buildLayer } from '../../support/layers';

/** One project of the scene: what is pushed to it, and whose webhook is called. */
export interface Site {
  project: Project;
  registry: RegistryClient;
  /** A commit without a Dockerfile: its build is a clone and an end of its own. */
  commit: string;
  layer: Buffer;
  repositoryId: number;
  ruleIds: number[];
}

export interface Scene {
  made: Product;
  sites: Site[];
  /** Gets every message of every project. */
  receiver: Receiver;
  dispose(): Promise<void>;
}

const EVENTS = ['repo_push', 'build_queued', 'build_failure'];

/** Projects with a trigger, rules and one layer each; their first builds have ended. */
export async function setScene(made: Product, count: number): Promise<Scene> {
  const receiver = await startReceiver();
  const sites: Site[] = [];
  const dispose = async () => {
    for (const { project } of sites) await project.dispose();
    await receiver.close();
  };
  try {
    for (let n = 0; n < count; n += 1) sites.push(await makeSite(made, receiver));
    for (const { project } of sites) await project.waitFor(['error'], 120_000);
    return { made, sites, receiver, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function makeSite(made: Product, receiver: Receiver): Promise<Site> {
  const project = await createProject(made);
  for (const event of EVENTS) {
    const rule = { event, method: 'webhook', config: { url: receiver.url }, eventConfig: {} };
    await project.owner.call('POST', `/repository/${project.path}/notification/`, rule);
  }
  await project.push({ 'README.md': 'nothing to build\n' });
  const { name: username, password } = project.owner;
  const registry = new RegistryClient(made.base, { username, password });
  const { bytes: layer } = await buildLayer({ 'etc/motd': `${project.path}\n` });
  const image = buildImage({ layers: [layer] });
  await registry.pushBlob(project.path, layer);
  await registry.pushBlob(project.path, image.config.text);
  const { manager } = made.dataSource;
  const namespace = await manager.findOneByOrFail(Account, { name: project.organization });
  const { id: repositoryId } = await manager.findOneByOrFail(Repository, { namespaceId: namespace.id });
  const rules = await manager.findBy(NotificationRule, { repositoryId });
  return {
    project,
    registry,
    commit: project.source.git('rev-parse', 'HEAD'),
    layer,
    repositoryId,
    ruleIds: rules.map(({ id }) => id),
  };
}

/** Pushes a manifest that nobody has pushed before, under a tag of its own. */
export async function pushManifest({ registry, project, layer }: Site, name: string): Promise<void> {
  const { body } = buildImage({ layers: [layer], annotations: { name } });
  const headers = { 'content-type': OCI_MANIFEST };
  const answer = await registry.expect(201, 'PUT', `/v2/${project.path}/manifests/${name}`, {
    body,
    headers,
  });
  await answer.arrayBuffer();
}

/** Calls the trigger's webhook as a git host would. */
export async function callWebhook({ project, commit }: Site): Promise<void> {
  const response = await project.callWebhook(commit);
  const text = await response.text();
  if (response.status !== 200 || !text.includes('"queued"')) throw new Error(`${response.status}: ${text}`);
}
