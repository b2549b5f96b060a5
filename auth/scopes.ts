import type { RepositoryRole, TeamRole } from '../model/roles';
import type { Scope } from './identity';
import { SCOPES } from './identity';

/** Blank- or comma-separated; one unknown word makes the whole text invalid (api spec 2.2). */
export function parseScopes(text: string): Scope[] | undefined {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const scopes: Scope[] = [];
  for (const word of words) {
    const scope = SCOPES.find((known) => known === word);
    if (!scope) return undefined;
    if (!scopes.includes(scope)) scopes.push(scope);
  }
  return scopes.length > 0 ? scopes : undefined;
}

/** Scopes of a bearer token; null is a direct login, which has no caps. */
export type Caps = readonly Scope[] | null;

/** The strongest repository role that the scopes leave (permissions spec 9). */
export function repositoryCap(caps: Caps): RepositoryRole | null {
  if (caps === null || caps.includes('repo:admin')) return 'admin';
  if (caps.includes('repo:write')) return 'write';
  return caps.includes('repo:read') ? 'read' : null;
}

/** The strongest role on a namespace and its teams that the scopes leave. */
export function namespaceCap(caps: Caps): TeamRole | null {
  if (caps === null || caps.includes('org:admin')) return 'admin';
  return caps.includes('repo:create') ? 'creator' : null;
}

/** What the scopes leave of a user's rights over the own account. */
export function accountCap(caps: Caps): 'read' | 'admin' | null {
  if (caps === null || caps.includes('user:admin')) return 'admin';
  return caps.includes('user:read') ? 'read' : null;
}

/** A token exercises its user's superuser status only when it was granted that. */
export function allowsSuperuser(caps: Caps): boolean {
  return caps === null || caps.includes('super:user');
}
