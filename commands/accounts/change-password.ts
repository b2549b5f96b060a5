import { forgetLoginFailures } from '../../auth/login-throttle';
import type { Passwords } from '../../auth/passwords';
import type { NewSession, SessionConfig } from '../../auth/sessions';
import { createSession, endSessions } from '../../auth/sessions';
import { Account } from '../../db/entities/accounts';
import type { ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import { requirePassword } from './insert-account';

export type PasswordDeps = ActDeps & { passwords: Passwords; config: SessionConfig };

/**
 * Sets a new password and ends every session of the user; bearer, robot and repository tokens stay (permissions spec
 * 13.2, row 19). `reopen` signs the person who typed it in again.
 */
export async function changePassword(
  deps: PasswordDeps,
  actor: Actor,
  input: { accountId: number; password: string; reopen?: boolean },
): Promise<NewSession | null> {
  const { accountId } = input;
  const passwordHash = await deps.passwords.hash(requirePassword(input.password));
  return runAct(deps, actor, async (act) => {
    const account = await act.manager.findOneBy(Account, { id: accountId, kind: 'user' });
    if (!account) throw new ActError('not-found', 'the user does not exist any more');
    await act.manager.update(Account, { id: accountId }, { passwordHash });
    await endSessions(act.manager, accountId);
    await forgetLoginFailures(act.manager, accountId);
    const kind = actor.accountId === accountId ? 'account_change_password' : 'user_change_password';
    await writeAudit(act, kind, { namespaceId: accountId }, { username: account.name });
    if (!input.reopen) return null;
    return createSession(act.manager, deps.config, { accountId, nowMs: act.nowMs });
  });
}
