import { Account } from '../../db/entities/accounts';
import { parseRobotName } from '../../model/names';
import type { ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';

export interface LoginFailure {
  /** The browser's way in, or the token service. */
  type: 'quayauth' | 'v2auth';
  /** As it was typed. */
  username: string;
  /** What the caller was told. */
  message: string;
  userAgent?: string;
}

/** The users that stand for a kind of token, in the words of the usage log. */
const KINDS = new Map([
  ['$app', 'app_specific_token'],
  ['$oauthtoken', 'oauth'],
  ['$token', 'token'],
]);

/**
 * Notes that credentials were refused, in the log of the namespace that was tried. The same work whether somebody has the
 * name or not, so that time tells nothing (permissions spec 13.4).
 */
export async function recordLoginFailure(
  deps: ActDeps,
  ip: string | null,
  { type, username, message, userAgent }: LoginFailure,
): Promise<void> {
  const actor: Actor = { kind: 'anonymous', accountId: null, name: '(anonymous)', ip };
  const typed = username.slice(0, 255);
  const robot = parseRobotName(typed);
  const kind = robot ? 'robot' : (KINDS.get(typed) ?? 'user');
  await runAct(deps, actor, async (act) => {
    const namespace = await act.manager.findOneBy(Account, { name: robot?.namespace ?? typed });
    await writeAudit(
      act,
      'login_failure',
      { namespaceId: namespace?.id ?? null },
      { type, kind, useragent: userAgent, [robot ? 'robot' : 'username']: typed, message },
    );
  });
}
