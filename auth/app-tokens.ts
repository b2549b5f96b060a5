import { Account, AppToken } from '../db/entities/accounts';
import type { AuthDeps, AuthOutcome } from './authentication';
import { accepted, DISABLED_USER, refused, userIdentity } from './authentication';
import { APP_TOKEN_HALF, isSameSecret } from './tokens';

/** How often a token that is in use says so: not with each of the many registry tokens that a client asks for. */
const NOTED_EVERY_MS = 60_000;

/** The user behind a password of user `$app`: everything that the user may do, in the registry (registry spec 9.5). */
export async function checkAppToken(deps: AuthDeps, password: string): Promise<AuthOutcome> {
  const { manager } = deps.dataSource;
  const code = password.slice(0, APP_TOKEN_HALF);
  const token = await manager.findOneBy(AppToken, { code });
  const right = isSameSecret(password.slice(APP_TOKEN_HALF), token?.secret ?? '');
  if (!deps.config.FEATURE_APP_SPECIFIC_TOKENS || !token || !right || !isLive(token, deps.now())) {
    return refused('Invalid token');
  }
  const account = await manager.findOneBy(Account, { id: token.accountId, kind: 'user' });
  if (!account?.enabled) return refused(DISABLED_USER);
  await noteUse(deps, token);
  const { uuid, title } = token;
  const identity = userIdentity(deps.config, account, {
    via: 'app-token',
    token: { kind: 'app', uuid, title },
  });
  return accepted(identity);
}

function isLive({ expiresAtMs }: AppToken, nowMs: number): boolean {
  return expiresAtMs === null || expiresAtMs > nowMs;
}

async function noteUse({ dataSource, now }: AuthDeps, { id, lastAccessedMs }: AppToken): Promise<void> {
  const nowMs = now();
  if (lastAccessedMs !== null && Math.abs(nowMs - lastAccessedMs) < NOTED_EVERY_MS) return;
  await dataSource.manager.update(AppToken, { id }, { lastAccessedMs: nowMs });
}
