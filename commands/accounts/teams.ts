import { Account, Team, TeamMember } from '../../db/entities/accounts';
import { isNamespaceName } from '../../model/names';
import type { TeamRole } from '../../model/roles';
import type { Act } from '../act';
import { isDuplicateKey, runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { Caller, GuardedDeps } from '../caller';
import { requireOrganizationAdmin } from '../caller';

export interface NewTeam {
  organization: string;
  name: string;
  role: TeamRole;
  description?: string;
}

/** Adds an empty team; a name that is taken is `conflict`. */
export async function createTeam(deps: GuardedDeps, caller: Caller, input: NewTeam): Promise<Team> {
  const { name, role, description } = input;
  if (!isNamespaceName(name)) throw new ActError('invalid', `Invalid team name "${name}"`, 'name');
  return runAct(deps, caller.actor, async (act) => {
    const organization = await requireOrganizationAdmin(act, deps, caller, input.organization);
    const where = { organizationId: organization.id, name };
    try {
      await act.manager.insert(Team, {
        ...where,
        role,
        description: description ?? null,
        createdAtMs: act.nowMs,
      });
    } catch (error) {
      if (isDuplicateKey(error)) throw new ActError('conflict', `Team "${name}" already exists`, 'name');
      throw error;
    }
    await writeAudit(act, 'org_create_team', { namespaceId: organization.id }, { team: name });
    return act.manager.findOneByOrFail(Team, where);
  });
}

export interface NewMember {
  organization: string;
  team: string;
  /** A user, or a robot of the organization. */
  member: string;
}

/** Adds a member at once; somebody who is in the team already stays in it. */
export function addTeamMember(deps: GuardedDeps, caller: Caller, input: NewMember): Promise<Account> {
  return runAct(deps, caller.actor, async (act) => {
    const organization = await requireOrganizationAdmin(act, deps, caller, input.organization);
    const team = await act.manager.findOneBy(Team, { organizationId: organization.id, name: input.team });
    if (!team) throw new ActError('not-found', `team "${input.team}" does not exist`);
    const member = await requireMember(act, organization.id, input.member);
    const row = { teamId: team.id, accountId: member.id };
    if (await act.manager.existsBy(TeamMember, row)) return member;
    await act.manager.upsert(TeamMember, row, ['teamId', 'accountId']);
    await writeAudit(
      act,
      'org_add_team_member',
      { namespaceId: organization.id },
      { member: member.name, team: team.name },
    );
    return member;
  });
}

async function requireMember(act: Act, organizationId: number, name: string): Promise<Account> {
  const member = await act.manager.findOneBy(Account, { name });
  if (!member || member.kind === 'organization') throw new ActError('invalid', 'Unknown user', 'member');
  if (member.kind === 'robot' && member.ownerId !== organizationId) {
    throw new ActError(
      'invalid',
      'Cannot add the specified robot to this team, as it is not a member of the organization',
      'member',
    );
  }
  return member;
}
