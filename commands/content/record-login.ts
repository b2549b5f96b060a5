import type { ActDeps } from '../act';
import { runAct, writeAudit } from '../act';
import type { Caller } from '../caller';

/** Notes a `docker login` in the usage log (registry spec 16). */
export function recordLogin(deps: ActDeps, login: Caller & { userAgent?: string }): Promise<void> {
  const { identity, actor, userAgent } = login;
  return runAct(deps, actor, async (act) => {
    const subject =
      identity.kind === 'robot' ? { namespaceId: identity.namespaceId } : { namespaceId: actor.accountId };
    await writeAudit(act, 'login_success', subject, {
      type: 'v2auth',
      kind: identity.kind,
      ...(userAgent !== undefined && { useragent: userAgent }),
      ...(identity.kind === 'robot' && { robot: identity.name }),
    });
  });
}
