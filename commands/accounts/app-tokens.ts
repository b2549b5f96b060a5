import { newAppToken } from '../../auth/tokens';
import type { Config } from '../../config/schema';
import { Account, AppToken } from '../../db/entities/accounts';
import { findAppToken } from '../../db/stores/app-tokens';
import { parseDurationMs } from '../../model/durations';
import type { Act, ActDeps } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { Caller } from '../caller';
import { refusal } from '../caller';

type AppTokenDeps = ActDeps & { config: Pick<Config, 'APP_SPECIFIC_TOKEN_EXPIRATION'> };

/** Makes a password for user `$app` that stands for the caller; the row keeps it sealed and shows it again (api spec 21). */
export function createAppToken(
  deps: AppTokenDeps,
  caller: Caller,
  { title }: { title: string },
): Promise<AppToken> {
  const lifetimeMs = parseDurationMs(deps.config.APP_SPECIFIC_TOKEN_EXPIRATION ?? '');
  return runAct(deps, caller.actor, async (act) => {
    const accountId = await requireOneself(act, caller);
    const token = await act.manager.save(
      act.manager.create(AppToken, {
        ...newAppToken(),
        ...{ accountId, title, createdAtMs: act.nowMs, lastAccessedMs: null },
        expiresAtMs: lifetimeMs === undefined ? null : act.nowMs + lifetimeMs,
      }),
    );
    await audit(act, 'create_app_specific_token', token);
    return token;
  });
}

/** Ends a token of the caller's, and what it is used for (registry spec 18.10); one of somebody else is `not-found`. */
export function revokeAppToken(deps: ActDeps, caller: Caller, { uuid }: { uuid: string }): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const accountId = await requireOneself(act, caller);
    const token = await findAppToken(act.manager, { accountId, uuid }, act.nowMs);
    if (!token) throw new ActError('not-found', 'Not Found');
    const { affected } = await act.manager.delete(AppToken, { id: token.id });
    // Of two that revoke it at once, one did.
    if (affected !== 1) throw new ActError('not-found', 'Not Found');
    await audit(act, 'revoke_app_specific_token', token);
  });
}

/** Only whoever has signed in may hand out more ways to sign in (permissions spec 13.1, row 4). */
async function requireOneself(act: Act, { identity }: Caller): Promise<number> {
  if (identity.kind !== 'user' || identity.via !== 'session') throw refusal(identity);
  const { accountId: id } = identity;
  if (!(await act.manager.existsBy(Account, { id, kind: 'user', enabled: true }))) throw refusal(identity);
  return id;
}

function audit(act: Act, kind: string, { accountId, uuid, title }: AppToken): Promise<void> {
  const metadata = { app_specific_token_title: title, app_specific_token: uuid };
  return writeAudit(act, kind, { namespaceId: accountId }, metadata);
}
