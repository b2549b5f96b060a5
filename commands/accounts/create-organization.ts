import { mayMakeOrganizations } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { Account, Team, TeamMember } from '../../db/entities/accounts';
import type { Act, ActDeps } from '../act';
import { runAct, writeAudit } from '../act';
import type { Caller } from '../caller';
import { refusal } from '../caller';
import type { AccountDefaults } from './insert-account';
import { insertAccount, requireAccountName, requireEmail } from './insert-account';

const NAME_TAKEN = 'A user or organization with this name already exists';

/** Makes an organization whose admin team `owners` holds the caller (api spec 16); bearer tokens need `user:admin`. */
export async function createOrganization(
  deps: ActDeps & AccountDefaults,
  { identity, actor }: Caller,
  input: { name: string; email?: string | null },
): Promise<Account> {
  if (!mayMakeOrganizations(identity)) throw refusal(identity);
  const name = requireAccountName(input.name);
  const email = requireEmail(input.email);
  return runAct(deps, actor, (act) => insertOrganization(act, deps, identity, { name, email }));
}

/** The same as part of another act. */
export async function insertOrganization(
  act: Act,
  deps: AccountDefaults,
  identity: Identity,
  { name, email = null }: { name: string; email?: string | null },
): Promise<Account> {
  if (!mayMakeOrganizations(identity)) throw refusal(identity);
  const { accountId: id } = identity;
  const creator = await act.manager.findOneBy(Account, { id, kind: 'user', enabled: true });
  if (!creator) throw refusal(identity);
  const organization = await insertAccount(act, deps, { kind: 'organization', name, email }, NAME_TAKEN);
  const owners = await act.manager.save(
    act.manager.create(Team, {
      organizationId: organization.id,
      name: 'owners',
      role: 'admin',
      createdAtMs: act.nowMs,
    }),
  );
  await act.manager.insert(TeamMember, { teamId: owners.id, accountId: creator.id });
  await writeAudit(act, 'org_create', { namespaceId: organization.id }, { namespace: name });
  return organization;
}
