import type { AccountPermission, TeamPermission } from '../../db/stores/permissions';
import { presentAvatar } from '../present/avatar';

/** A direct permission (api spec 15); membership says something only where the namespace is an organization. */
export function presentAccountPermission(permission: AccountPermission, inOrganization: boolean) {
  const isRobot = permission.kind === 'robot';
  return {
    role: permission.role,
    name: permission.name,
    is_robot: isRobot,
    avatar: presentAvatar(permission.name, isRobot ? 'robot' : 'user', permission.email),
    ...(inOrganization ? { is_org_member: permission.isMember } : {}),
  };
}

export function presentTeamPermission({ role, name }: TeamPermission) {
  return { role, name, avatar: presentAvatar(name, 'team') };
}
