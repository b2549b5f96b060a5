import type { Identity } from '../../auth/identity';
import type { Tag } from '../../db/entities/content';
import { labelsOfManifests, findManifest } from '../../db/stores/manifests';
import type { ManifestHead } from '../../db/stores/manifests';
import { findTagWindowMs, isTagHistory, lockCurrentTag } from '../../db/stores/tags';
import { tagLifetimeMs } from '../../model/manifest-labels';
import type { RepositoryPath } from '../../model/names';
import { isTagName } from '../../model/names';
import type { Act, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { GuardedDeps } from '../caller';
import { actorOf } from '../caller';
import type { Pusher } from './pusher';
import { auditPusher } from './pusher';
import { endSiblings, endTag, isAliveAt } from './end-tag';
import type { OpenRepository } from './push-gate';
import { openForWrite } from './push-gate';
import type { TagChange } from './set-tag';
import { immutableTag, setTag } from './set-tag';

export interface TagMove {
  tag: string;
  /** Of a manifest of the repository. */
  digest: string;
  /** Whom the usage log names; made from the identity when absent. */
  actor?: Actor;
}

/** Makes a tag or moves it to a manifest that is here already (lifecycle spec 1). Raises no push event. */
export async function moveTag(
  deps: GuardedDeps,
  identity: Identity,
  path: RepositoryPath,
  input: TagMove,
): Promise<{ created: boolean }> {
  if (!isTagName(input.tag)) throw new ActError('invalid', `"${input.tag}" is not a tag name`, 'tag');
  const pusher = pusherOf(identity, input.actor);
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'update' });
    const manifest = await findReadable(act, repository, input.digest);
    const { previousDigest } = await pointTag(act, manifest, input.tag, false);
    await writeAudit(act, previousDigest === null ? 'create_tag' : 'move_tag', subjectOf(repository), {
      ...describeTag(pusher, repository, input),
      ...(previousDigest !== null && { original_manifest_digest: previousDigest }),
    });
    return { created: previousDigest === null };
  });
}

/** Brings a tag back to a manifest that it named before, as long as the namespace's time machine remembers it. */
export function restoreTag(
  deps: GuardedDeps,
  identity: Identity,
  path: RepositoryPath,
  input: TagMove,
): Promise<void> {
  const pusher = pusherOf(identity, input.actor);
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'update' });
    const manifest = await findReadable(act, repository, input.digest);
    const where = { repositoryId: repository.id, name: input.tag, manifestId: manifest.id };
    const windowMs = await findTagWindowMs(act.manager, repository.namespaceId);
    if (!(await isTagHistory(act.manager, where, act.nowMs - windowMs))) throw unknownManifest(input.digest);
    await pointTag(act, manifest, input.tag, true);
    await writeAudit(act, 'revert_tag', subjectOf(repository), describeTag(pusher, repository, input));
  });
}

/** Ends a live tag; its manifest stays restorable for the namespace's time machine. */
export function deleteTag(
  deps: GuardedDeps,
  identity: Identity,
  path: RepositoryPath,
  tag: string,
  actor?: Actor,
): Promise<void> {
  return deleteTagAs(deps, pusherOf(identity, actor), path, tag);
}

/** The same for a caller of the registry, whose credentials are looked at again. */
export function deleteTagAs(
  deps: GuardedDeps,
  pusher: Pusher,
  path: RepositoryPath,
  tag: string,
): Promise<void> {
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'update' });
    const current = await lockCurrentTag(act.manager, repository.id, tag);
    if (!current || !isAliveAt(current, act.nowMs)) {
      throw new ActError(
        'not-found',
        `repository "${path.namespace}/${path.name}" has no tag "${tag}"`,
        'tag',
      );
    }
    if (current.immutable) throw immutableTag(tag);
    await endTag(act, current);
    await auditEnded(act, pusher, repository, [current, ...(await endSiblings(act, current.manifestId))]);
  });
}

/** One entry of the usage log for each tag that a delete has ended. */
export async function auditEnded(
  act: Act,
  pusher: Pusher,
  repository: OpenRepository,
  ended: readonly Tag[],
): Promise<void> {
  for (const { name: tag, digest } of ended) {
    const metadata = describeTag(pusher, repository, { tag, digest });
    await writeAudit(act, 'delete_tag', subjectOf(repository), metadata);
  }
}

export function subjectOf(repository: OpenRepository): { namespaceId: number; repositoryId: number } {
  return { namespaceId: repository.namespaceId, repositoryId: repository.id };
}

/** The keys that the usage log has for every change of a tag (api spec 33). */
export function describeTag(
  pusher: Pusher,
  { path }: OpenRepository,
  { tag, digest }: { tag: string; digest: string },
): Record<string, unknown> {
  const { namespace, name } = path;
  return { ...auditPusher(pusher), namespace, repo: name, tag, manifest_digest: digest };
}

function pusherOf(identity: Identity, actor: Actor | undefined): Pusher {
  return { identity, actor: actor ?? actorOf(identity, null) };
}

async function findReadable(act: Act, repository: OpenRepository, digest: string): Promise<ManifestHead> {
  const manifest = await findManifest(act.manager, repository.id, digest);
  if (!manifest || manifest.deletedAtMs !== null) throw unknownManifest(digest);
  return manifest;
}

async function pointTag(
  act: Act,
  manifest: ManifestHead,
  name: string,
  isReversion: boolean,
): Promise<TagChange> {
  const labels = (await labelsOfManifests(act.manager, [manifest.id])).get(manifest.id) ?? {};
  const { repositoryId, digest } = manifest;
  const lifetimeMs = tagLifetimeMs(labels);
  return setTag(act, { repositoryId, name, manifestId: manifest.id, digest, lifetimeMs, isReversion });
}

function unknownManifest(digest: string): ActError {
  return new ActError('not-found', `there is no manifest "${digest}" in this repository`, 'manifest');
}
