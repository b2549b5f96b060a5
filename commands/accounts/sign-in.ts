import type { AuthDeps } from '../../auth/authentication';
import type { NewSession, OpenSession, SessionConfig } from '../../auth/sessions';
import { createSession, endSessions, renewSession } from '../../auth/sessions';
import { checkUserPassword } from '../../auth/user-password';
import type { Config } from '../../config/schema';
import type { Account } from '../../db/entities/accounts';
import type { ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError, LoginThrottledError } from '../act-error';
import { recordLoginFailure } from './record-login-failure';

type LoginLogConfig = Pick<Config, 'ACTION_LOG_AUDIT_LOGINS' | 'ACTION_LOG_AUDIT_LOGIN_FAILURES'>;

export type SignInDeps = ActDeps & Pick<AuthDeps, 'passwords'> & { config: SessionConfig & LoginLogConfig };

export interface Credentials {
  /** Name or e-mail address. */
  username: string;
  password: string;
  userAgent?: string;
}

/** Opens a session; a wrong pair is `forbidden` with "Invalid Username or Password", too many of them {@link LoginThrottledError}. */
export async function signIn(
  deps: SignInDeps,
  ip: string | null,
  { username, password, userAgent }: Credentials,
): Promise<NewSession> {
  const account = await provePassword(deps, ip, { username, password }).catch(async (error: unknown) => {
    const isNoted = deps.config.ACTION_LOG_AUDIT_LOGIN_FAILURES;
    if (isNoted && error instanceof ActError && error.reason === 'forbidden') {
      await recordLoginFailure(deps, ip, { type: 'quayauth', username, message: error.message, userAgent });
    }
    throw error;
  });
  const actor: Actor = { kind: 'user', accountId: account.id, name: account.name, ip };
  return runAct(deps, actor, async (act) => {
    const session = await createSession(act.manager, deps.config, {
      accountId: account.id,
      nowMs: act.nowMs,
    });
    const metadata = { type: 'quayauth', kind: 'user', useragent: userAgent, username: account.name };
    if (deps.config.ACTION_LOG_AUDIT_LOGINS) {
      await writeAudit(act, 'login_success', { namespaceId: account.id }, metadata);
    }
    return session;
  });
}

/** The password typed once more: the session is fresh again, under another key. */
export async function verifySession(
  deps: SignInDeps,
  ip: string | null,
  { session: { id, identity }, password }: { session: OpenSession; password: string },
): Promise<NewSession> {
  await provePassword(deps, ip, { username: identity.name, password });
  return deps.dataSource.transaction((manager) =>
    renewSession(manager, deps.config, { id, nowMs: deps.now() }),
  );
}

/** Ends all sessions of the user, wherever they are open. */
export async function signOut(deps: ActDeps, actor: Actor): Promise<void> {
  const { accountId, name } = actor;
  if (accountId === null) return;
  await runAct(deps, actor, async (act) => {
    await endSessions(act.manager, accountId);
    await writeAudit(
      act,
      'logout_success',
      { namespaceId: accountId },
      { type: 'quayauth', kind: 'user', username: name },
    );
  });
}

/** The user behind a pair; refused as {@link signIn} is. */
export async function provePassword(
  deps: SignInDeps,
  ip: string | null,
  credentials: Pick<Credentials, 'username' | 'password'>,
): Promise<Account> {
  const result = await checkUserPassword(deps, credentials, ip);
  if (result.outcome === 'accepted') return result.account;
  if (result.outcome === 'throttled') throw new LoginThrottledError(result);
  throw new ActError('forbidden', result.message);
}
