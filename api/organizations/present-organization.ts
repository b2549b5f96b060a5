import type { Account } from '../../db/entities/accounts';
import type { ListedTeam } from '../../db/stores/teams';
import type { TeamRole } from '../../model/roles';
import { presentAvatar } from '../present/avatar';
import { unixSeconds } from '../present/dates';

/** An organization as far as a role in it may see it (api spec 16); `teams` is empty for strangers. */
export function presentOrganization(organization: Account, role: TeamRole | null, teams: ListedTeam[]) {
  const isAdmin = role === 'admin';
  const email = organization.email ?? '';
  return {
    name: organization.name,
    email: isAdmin ? email : '',
    avatar: presentAvatar(organization.name, 'org', organization.email),
    is_admin: isAdmin,
    is_member: role !== null,
    ...(role === null ? {} : presentTeams(teams, isAdmin)),
    ...(isAdmin ? presentSettings(organization) : {}),
  };
}

function presentTeams(teams: ListedTeam[], isAdmin: boolean) {
  return {
    teams: Object.fromEntries(teams.map((team) => [team.name, presentTeam(team, isAdmin)])),
    ordered_teams: teams.map((team) => team.name),
  };
}

function presentTeam(team: ListedTeam, isAdmin: boolean) {
  return {
    name: team.name,
    description: team.description ?? '',
    role: team.role,
    avatar: presentAvatar(team.name, 'team'),
    can_view: isAdmin || team.hasCaller,
    repo_count: team.repositoryCount,
    member_count: team.memberCount,
    is_synced: false,
  };
}

function presentSettings(organization: Account) {
  return {
    invoice_email: false,
    invoice_email_address: null,
    tag_expiration_s: unixSeconds(organization.tagExpirationMs),
    is_free_account: true,
  };
}
