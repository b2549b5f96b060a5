import { newClientKey } from '../../auth/client-key';
import { runAct, writeAudit } from '../act';
import type { Caller } from '../caller';
import { refusal } from '../caller';
import type { SignInDeps } from './sign-in';
import { provePassword } from './sign-in';

/** A key that clients use in place of the password of the caller, who types that once more for it (api spec 20). */
export async function generateClientKey(
  deps: SignInDeps,
  { identity, actor }: Caller,
  password: string,
): Promise<string> {
  if (identity.kind !== 'user' || identity.via !== 'session') throw refusal(identity);
  const account = await provePassword(deps, actor.ip, { username: identity.name, password });
  await runAct(deps, actor, (act) =>
    writeAudit(act, 'user_generate_client_key', { namespaceId: account.id }, {}),
  );
  return newClientKey(account);
}
