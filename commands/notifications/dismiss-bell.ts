import { BellNotification } from '../../db/entities/notifications';
import type { BellEntry } from '../../db/stores/bell';
import { findBellEntry } from '../../db/stores/bell';
import type { ActDeps, Actor } from '../act';
import { runAct } from '../act';
import { ActError } from '../act-error';

/** Marks an entry behind the user's bell as dismissed, or brings it back (api spec 20). */
export function dismissBellEntry(
  deps: ActDeps,
  actor: Actor,
  input: { accountId: number; uuid: string; dismissed: boolean },
): Promise<BellEntry> {
  return runAct(deps, actor, async ({ manager }) => {
    const entry = await findBellEntry(manager, input.accountId, input.uuid);
    if (!entry) throw new ActError('not-found', `there is no notification "${input.uuid}"`);
    await manager.update(BellNotification, { id: entry.id }, { dismissed: input.dismissed });
    return { ...entry, dismissed: input.dismissed };
  });
}
