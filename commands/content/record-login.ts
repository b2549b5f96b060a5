import type { Identity } from '../../auth/identity';
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
      ...kindOfLogin(identity),
      ...(userAgent !== undefined && { useragent: userAgent }),
      ...(identity.kind === 'robot' && { robot: identity.name }),
    });
  });
}

/** What proved it, in Quay's words. */
function kindOfLogin(identity: Identity): Record<string, string> {
  const token = identity.kind === 'user' ? identity.token : undefined;
  if (!token) return { kind: identity.kind };
  return token.kind === 'oauth'
    ? { kind: 'oauth' }
    : { kind: 'app_specific_token', app_specific_token_title: token.title };
}
