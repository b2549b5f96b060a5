import { createHash, randomBytes, randomUUID } from 'node:crypto';

import { Account } from '../../db/entities/accounts';
import { AuthorizedEmail } from '../../db/entities/notifications';
import { Repository } from '../../db/entities/repositories';
import { CONFIRM_EMAIL, normaliseEmail } from '../../model/rule-configs';
import type { Act, ActDeps, Actor } from '../act';
import { runAct, SYSTEM } from '../act';
import { ActError } from '../act-error';
import { oweDelivery } from './owe-delivery';

const CODE_LIFETIME_MS = 7 * 86_400_000;

export interface AuthorizedRepository {
  id: number;
  namespace: string;
  name: string;
}

/**
 * Asks an address whether it wants messages about a repository: every call while it is unconfirmed owes one more mail.
 * The code is made when the mail is sent and is in no row in clear (permissions spec 13.2, 16).
 */
export async function requestEmailAuthorization(
  deps: ActDeps,
  actor: Actor,
  repository: AuthorizedRepository,
  address: string,
): Promise<AuthorizedEmail> {
  const email = requireEmail(address);
  return runAct(deps, actor, async (act) => {
    await act.manager.upsert(
      AuthorizedEmail,
      { repositoryId: repository.id, email, createdAtMs: act.nowMs },
      { conflictPaths: ['repositoryId', 'email'], skipUpdateIfNoValuesChanged: true },
    );
    const row = await act.manager.findOneByOrFail(AuthorizedEmail, { repositoryId: repository.id, email });
    if (!row.confirmed) await oweConfirmationMail(act, repository, row);
    return row;
  });
}

/** A superuser vouches for an address (design 8, "e-mail rules"). */
export async function confirmForRepository(
  deps: ActDeps,
  actor: Actor,
  repository: AuthorizedRepository,
  address: string,
): Promise<AuthorizedEmail> {
  const email = requireEmail(address);
  return runAct(deps, actor, async (act) => {
    await act.manager.upsert(
      AuthorizedEmail,
      { repositoryId: repository.id, email, confirmed: true, createdAtMs: act.nowMs },
      ['repositoryId', 'email'],
    );
    return act.manager.findOneByOrFail(AuthorizedEmail, { repositoryId: repository.id, email });
  });
}

export interface IssuedConfirmation {
  email: string;
  /** `namespace/name` */
  repository: string;
  code: string;
}

/** Makes the code of the mail that is about to be sent; an older one stops working. Undefined when nothing is to confirm. */
export async function issueConfirmationCode(
  deps: ActDeps,
  id: number,
): Promise<IssuedConfirmation | undefined> {
  return runAct(deps, SYSTEM, async (act) => {
    const row = await act.manager.findOneBy(AuthorizedEmail, { id });
    if (!row || row.confirmed) return undefined;
    const repository = await act.manager.findOneByOrFail(Repository, { id: row.repositoryId });
    const namespace = await act.manager.findOneByOrFail(Account, { id: repository.namespaceId });
    const code = randomBytes(24).toString('base64url');
    await act.manager.update(AuthorizedEmail, id, {
      codeHash: hashCode(code),
      codeExpiresAtMs: act.nowMs + CODE_LIFETIME_MS,
    });
    return { email: row.email, repository: `${namespace.name}/${repository.name}`, code };
  });
}

/** Uses a code up. Throws `invalid` when it is unknown, used or expired. */
export async function confirmEmailAuthorization(deps: ActDeps, actor: Actor, code: string): Promise<string> {
  return runAct(deps, actor, async (act) => {
    const row = await act.manager.findOneBy(AuthorizedEmail, { codeHash: hashCode(code) });
    if (!row || (row.codeExpiresAtMs ?? 0) < act.nowMs) {
      throw new ActError('invalid', 'this confirmation code is unknown, was used, or has expired', 'code');
    }
    await act.manager.update(AuthorizedEmail, row.id, {
      confirmed: true,
      codeHash: null,
      codeExpiresAtMs: null,
    });
    return row.email;
  });
}

function requireEmail(address: string): string {
  const email = normaliseEmail(address);
  if (email === undefined) throw new ActError('invalid', `"${address}" is not an e-mail address`, 'email');
  return email;
}

function hashCode(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

async function oweConfirmationMail(
  act: Act,
  repository: AuthorizedRepository,
  row: AuthorizedEmail,
): Promise<void> {
  const uuid = randomUUID();
  await oweDelivery(act, {
    uuid,
    eventId: uuid,
    ruleId: null,
    event: CONFIRM_EMAIL,
    method: 'email',
    payload: { authorized_email_id: row.id },
    repository,
  });
}
