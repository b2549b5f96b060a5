import type { Config } from '../../config/schema';
import { Tag } from '../../db/entities/content';
import { lockCurrentTag } from '../../db/stores/tags';
import { parseDurationMs } from '../../model/durations';
import type { RepositoryPath } from '../../model/names';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { Caller, GuardedDeps } from '../caller';
import { openForWrite } from './push-gate';
import { isAliveAt } from './end-tag';
import { immutableTag } from './set-tag';
import { describeTag, subjectOf } from './tags';

export interface TagExpiryChange {
  path: RepositoryPath;
  tag: string;
  /** Milliseconds since the epoch; null: never. Clamped to the configured minimum and maximum after the tag's start. */
  expiresAtMs: number | null;
}

type ExpiryDeps = GuardedDeps & {
  config: Pick<Config, 'LABELED_EXPIRATION_MINIMUM' | 'LABELED_EXPIRATION_MAXIMUM'>;
};

/** Sets or clears the end of a live tag (api spec 7). */
export function changeTagExpiry(
  deps: ExpiryDeps,
  caller: Caller,
  { path, tag, expiresAtMs }: TagExpiryChange,
): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const repository = await openForWrite(act, deps, caller, { path, lock: 'update' });
    const current = await lockCurrentTag(act.manager, repository.id, tag);
    if (!current || !isAliveAt(current, act.nowMs)) {
      const name = `${path.namespace}/${path.name}`;
      throw new ActError('not-found', `repository "${name}" has no tag "${tag}"`, 'tag');
    }
    if (current.immutable) throw immutableTag(tag);
    if (expiresAtMs !== null && !(expiresAtMs > act.nowMs)) {
      throw new ActError('invalid', 'expiration must be in the future', 'expiration');
    }
    // The longest life of an old tag may be over, which must not end it here and now: it counts from today then.
    const lifetimeEndMs =
      expiresAtMs === null ? null : clamp(deps, current.lifetimeStartMs, expiresAtMs, act.nowMs);
    await act.manager.update(Tag, { id: current.id }, { lifetimeEndMs });
    const { digest } = current;
    await writeAudit(act, 'change_tag_expiration', subjectOf(repository), {
      ...describeTag(caller, repository, { tag, digest }),
      expiration_date: seconds(lifetimeEndMs),
      old_expiration_date: seconds(current.lifetimeEndMs),
    });
  });
}

function clamp({ config }: ExpiryDeps, startMs: number, expiresAtMs: number, nowMs: number): number {
  const longestMs = parseDurationMs(config.LABELED_EXPIRATION_MAXIMUM) ?? 0;
  const minimumMs = startMs + (parseDurationMs(config.LABELED_EXPIRATION_MINIMUM) ?? 0);
  const maximumMs = (startMs + longestMs > nowMs ? startMs : nowMs) + longestMs;
  return Math.min(Math.max(Math.round(expiresAtMs), minimumMs), maximumMs);
}

function seconds(atMs: number | null): number | null {
  return atMs === null ? null : Math.floor(atMs / 1000);
}
