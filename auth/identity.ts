import type { RepositoryRole } from '../model/roles';

export const SCOPES = [
  'repo:read',
  'repo:write',
  'repo:admin',
  'repo:create',
  'user:read',
  'user:admin',
  'org:admin',
  'super:user',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is calling, as the credentials proved it (permissions spec 2). */
export type Identity =
  | { kind: 'anonymous' }
  | {
      kind: 'user';
      accountId: number;
      name: string;
      superuser: boolean;
      via: 'session' | 'password' | 'oauth' | 'app-token';
      /** The bearer or app token that was presented: it may be revoked on its own. */
      token?: { kind: 'oauth' | 'app'; uuid: string; title: string };
      /** The caps of a bearer token; null is a direct login, without caps. */
      scopes: readonly Scope[] | null;
    }
  | { kind: 'robot'; accountId: number; name: string; namespaceId: number }
  | {
      kind: 'repository-token';
      tokenUuid: string;
      repositoryId: number;
      role: RepositoryRole;
      purpose: 'trigger' | 'build';
      /** The build whose life bounds the token. */
      buildUuid: string | null;
      friendlyName: string;
    };

export const ANONYMOUS: Identity = { kind: 'anonymous' };
