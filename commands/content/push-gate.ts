import { repeatOnLockConflict } from '../../db/lock-conflict';
import type { RepositoryPath } from '../../model/names';
import type { Act } from '../act';
import { ActError } from '../act-error';
import type { GuardedDeps } from '../caller';
import type { PushCreation } from '../repositories/ensure-repository';
import { ensureRepository } from '../repositories/ensure-repository';
import type { FoundRepository } from '../repositories/require-repository';
import { requireRepository } from '../repositories/require-repository';
import type { Pusher } from './pusher';
import { recheckPusher } from './pusher';

export interface Opening {
  path: RepositoryPath;
  /** `update` for acts whose order in the repository matters, `share` for those that only link bytes, `none` before they do. */
  lock: 'share' | 'update' | 'none';
}

export interface OpenRepository {
  id: number;
  namespaceId: number;
  path: RepositoryPath;
}

/**
 * Finds the repository of a write as it is in this transaction, under a lock that keeps its state, and refuses who may
 * not push (registry spec 18.10). It takes the first lock of every act on content; blobs, manifests and tags come after.
 */
export async function openForWrite(
  act: Act,
  deps: GuardedDeps,
  pusher: Pusher,
  { path, lock }: Opening,
): Promise<OpenRepository> {
  let found: FoundRepository;
  try {
    found = await requireRepository(act, deps, pusher.identity, path, { role: 'write', lock });
  } catch (error) {
    // Whose token proves nothing any more is told that, whatever else stands against the write.
    if (error instanceof ActError) await recheckPusher(act, pusher);
    throw error;
  }
  await recheckPusher(act, pusher, found.credential);
  return opened(found);
}

/** The same, and the first push makes the repository. */
export async function openForPush(
  act: Act,
  deps: GuardedDeps & PushCreation,
  pusher: Pusher,
  { path, lock }: Opening,
): Promise<OpenRepository> {
  try {
    return await openForWrite(act, deps, pusher, { path, lock });
  } catch (error) {
    // Who may create here is told "not found", or "forbidden" where the role comes with the repository.
    if (!(error instanceof ActError) || (error.reason !== 'not-found' && error.reason !== 'forbidden')) {
      throw error;
    }
  }
  await ensureRepository(act, deps, pusher.identity, path);
  return opened(await requireRepository(act, deps, pusher.identity, path, { role: 'write', lock }));
}

function opened({ namespace, repository, path }: FoundRepository): OpenRepository {
  return { id: repository.id, namespaceId: namespace.id, path };
}

/**
 * The repository of a write that nothing stands against at the moment, without a transaction: enough for what comes to nothing
 * unless an act judges again. Undefined leaves it to such an act to say what stands against it, or to make the repository.
 */
export async function findForWrite(
  deps: GuardedDeps,
  pusher: Pusher,
  path: RepositoryPath,
): Promise<OpenRepository | undefined> {
  const look = { manager: deps.dataSource.manager, actor: pusher.actor, nowMs: deps.now() };
  try {
    return await repeatOnLockConflict(() => openForWrite(look, deps, pusher, { path, lock: 'none' }));
  } catch (error) {
    if (error instanceof ActError) return undefined;
    throw error;
  }
}
