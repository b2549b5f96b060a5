import { Account } from '../../db/entities/accounts';
import { Manifest } from '../../db/entities/content';
import { Repository } from '../../db/entities/repositories';
import type { Act, ActDeps } from '../act';
import { SYSTEM, enqueue, runAct } from '../act';
import { scanKey } from './scan-key';

/** Owes Temporal the scan of a manifest once more, for a Temporal that lost it. */
export async function askForScanAgain(deps: ActDeps, manifestId: number): Promise<void> {
  await runAct(deps, SYSTEM, (act) => enqueueScan(act, manifestId));
}

/** The same within an act; nothing when the manifest is gone. */
export async function enqueueScan(act: Act, manifestId: number): Promise<void> {
  const manifest = await act.manager.findOneBy(Manifest, { id: manifestId });
  if (!manifest) return;
  const { repositoryId, digest } = manifest;
  const repository = await act.manager.findOneByOrFail(Repository, { id: repositoryId });
  const namespace = await act.manager.findOneByOrFail(Account, { id: repository.namespaceId });
  const names = { namespace: namespace.name, repository: repository.name };
  await enqueue(act, {
    kind: 'manifest.pushed',
    orderingKey: scanKey(repositoryId, digest),
    payload: { repositoryId, manifestId, ...names, digest, tag: null },
  });
}
