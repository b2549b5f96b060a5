import type { UserIdentity } from '../signed-in-user';
import { accountCap } from '../../auth/scopes';
import type { Account } from '../../db/entities/accounts';
import type { Membership } from '../../db/stores/teams';
import { atLeastTeamRole } from '../../model/roles';
import { presentAvatar } from '../present/avatar';
import { unixSeconds } from '../present/dates';

/** What everybody may know of a user. */
export function presentStranger(account: Account) {
  return {
    anonymous: false,
    username: account.name,
    avatar: presentAvatar(account.name, 'user', account.email),
  };
}

/** The caller's own view (api spec 20): how much depends on the scopes of the token. */
export function presentSelf(identity: UserIdentity, account: Account, memberships: Membership[]) {
  const cap = accountCap(identity.scopes);
  const isAdmin = cap === 'admin';
  return {
    ...presentStranger(account),
    ...(isAdmin ? presentAccount(account) : {}),
    ...(cap === null ? {} : { organizations: memberships.map((one) => presentMembership(one, isAdmin)) }),
    ...(identity.superuser ? { super_user: true } : {}),
  };
}

function presentAccount(account: Account) {
  return {
    can_create_repo: true,
    is_me: true,
    verified: account.verified,
    email: account.email,
    logins: [],
    invoice_email: false,
    invoice_email_address: null,
    preferred_namespace: false,
    tag_expiration_s: unixSeconds(account.tagExpirationMs),
    prompts: [],
    company: null,
    family_name: null,
    given_name: null,
    location: null,
    is_free_account: true,
    has_password_set: account.passwordHash !== null,
  };
}

function presentMembership({ organization, email, role }: Membership, isAdmin: boolean) {
  return {
    name: organization,
    avatar: presentAvatar(organization, 'org', email),
    can_create_repo: atLeastTeamRole(role, 'creator'),
    public: false,
    ...(isAdmin ? { is_org_admin: role === 'admin', preferred_namespace: false } : {}),
  };
}
