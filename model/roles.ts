export const REPOSITORY_ROLES = ['read', 'write', 'admin'] as const;
export type RepositoryRole = (typeof REPOSITORY_ROLES)[number];

export const TEAM_ROLES = ['member', 'creator', 'admin'] as const;
export type TeamRole = (typeof TEAM_ROLES)[number];

export const VISIBILITIES = ['public', 'private'] as const;
export type Visibility = (typeof VISIBILITIES)[number];

export type RepositoryState = 'NORMAL' | 'READ_ONLY' | 'MIRROR' | 'ORG_MIRROR' | 'MARKED_FOR_DELETION';

export type AccountKind = 'user' | 'organization' | 'robot';

/** A role at least as strong as the other one; null is no role. */
export function atLeast(role: RepositoryRole | null, minimum: RepositoryRole): boolean {
  return role !== null && REPOSITORY_ROLES.indexOf(role) >= REPOSITORY_ROLES.indexOf(minimum);
}

/** The same on namespaces and teams. */
export function atLeastTeamRole(role: TeamRole | null, minimum: TeamRole): boolean {
  return role !== null && TEAM_ROLES.indexOf(role) >= TEAM_ROLES.indexOf(minimum);
}
