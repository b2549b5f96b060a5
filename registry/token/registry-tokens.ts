import { hash as digestOf } from 'node:crypto';

import { SignJWT, decodeProtectedHeader, jwtVerify } from 'jose';
import { z } from 'zod';

import type { Identity } from '../../auth/identity';
import type { RegistryDeps } from '../registry-deps';
import type { Grant } from './scopes';
import { ServiceKeys } from './service-keys';

const ISSUER = 'slipway';
const CLOCK_SKEW_S = 30;
const CACHED_TOKENS = 10_000;

/** What a valid bearer token proves: identity and scope for its life (registry spec 18.10). */
export interface ProvenToken {
  /** Of the token; a key for caches, useless to whoever sees it. */
  hash: string;
  identity: Identity;
  proof: string;
  grants: Grant[];
  issuedAtMs: number;
  expiresAtMs: number;
}

const claimsSchema = z.object({
  iat: z.number(),
  exp: z.number(),
  access: z.array(
    z.object({ type: z.literal('repository'), name: z.string(), actions: z.array(z.string()) }),
  ),
  context: z.object({
    slipway: z.object({
      // Signed by ourselves a moment ago; `kind` is looked at, the rest is as `Identity` says.
      identity: z.looseObject({ kind: z.enum(['anonymous', 'user', 'robot', 'repository-token']) }),
      proof: z.string(),
    }),
  }),
});

export class RegistryTokens {
  private readonly keys: ServiceKeys;
  /** Verified once for each token, not for each request; oldest first. */
  private readonly verified = new Map<string, ProvenToken>();

  constructor(private readonly deps: Pick<RegistryDeps, 'config' | 'dataSource' | 'now' | 'onLookup'>) {
    this.keys = new ServiceKeys(deps.dataSource, deps.now);
  }

  async issue(token: {
    identity: Identity;
    proof: string;
    grants: Grant[];
    audience: string;
  }): Promise<string> {
    const { kid, key } = await this.keys.signingKey();
    const issuedAtS = Math.floor(this.deps.now() / 1000);
    const { identity, proof } = token;
    return new SignJWT({
      access: token.grants.map((grant) => ({ type: 'repository', ...grant })),
      context: { ...contextOf(identity), slipway: { identity, proof } },
    })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
      .setIssuer(ISSUER)
      .setAudience(token.audience)
      .setSubject(nameOf(identity))
      .setIssuedAt(issuedAtS)
      .setNotBefore(issuedAtS)
      .setExpirationTime(issuedAtS + this.deps.config.REGISTRY_JWT_LIFETIME_S)
      .sign(key);
  }

  /** Undefined for a token that is not ours, was made for another service, or has expired. */
  async verify(jwt: string): Promise<ProvenToken | undefined> {
    const hash = digestOf('sha256', jwt, 'base64url');
    const known = this.verified.get(hash);
    this.deps.onLookup?.('token', known !== undefined);
    if (known) {
      if (this.isTimely(known)) return known;
      this.verified.delete(hash);
      return undefined;
    }
    const proven = await this.check(jwt, hash);
    if (proven) this.remember(proven);
    return proven;
  }

  private async check(jwt: string, hash: string): Promise<ProvenToken | undefined> {
    try {
      const { kid } = decodeProtectedHeader(jwt);
      const key = kid === undefined ? undefined : await this.keys.publicKey(kid);
      if (!key) return undefined;
      const { payload } = await jwtVerify(jwt, key, {
        algorithms: ['RS256'],
        issuer: ISSUER,
        audience: this.deps.config.SERVER_HOSTNAME,
        clockTolerance: CLOCK_SKEW_S,
        currentDate: new Date(this.deps.now()),
      });
      const { iat, exp, access, context } = claimsSchema.parse(payload);
      return {
        hash,
        identity: context.slipway.identity as Identity,
        proof: context.slipway.proof,
        grants: access.map(({ name, actions }) => ({ name, actions })),
        issuedAtMs: iat * 1000,
        expiresAtMs: exp * 1000,
      };
    } catch (error) {
      if (isTokenFault(error)) return undefined;
      throw error;
    }
  }

  /** One of a time to come was made before the clock was set back, and would be good for too long. */
  private isTimely({ issuedAtMs, expiresAtMs }: ProvenToken): boolean {
    const nowMs = this.deps.now();
    return issuedAtMs <= nowMs + CLOCK_SKEW_S * 1000 && expiresAtMs > nowMs;
  }

  private remember(proven: ProvenToken): void {
    const oldest = this.verified.size >= CACHED_TOKENS ? this.verified.keys().next().value : undefined;
    if (oldest !== undefined) this.verified.delete(oldest);
    this.verified.set(proven.hash, proven);
  }
}

/** A bad token, as opposed to a database that is away. */
function isTokenFault(error: unknown): boolean {
  if (error instanceof z.ZodError || error instanceof TypeError) return true;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && code.startsWith('ERR_J');
}

function nameOf(identity: Identity): string {
  if (identity.kind === 'anonymous') return '(anonymous)';
  return identity.kind === 'repository-token' ? '$token' : identity.name;
}

/** The context that Quay's tokens have (registry spec 9.4). */
function contextOf(identity: Identity): Record<string, unknown> {
  const { kind, reference } = entityOf(identity);
  return {
    version: 2,
    entity_kind: kind,
    entity_reference: reference,
    kind,
    user: identity.kind === 'user' ? identity.name : null,
    'com.apostille.roots': {},
    'com.apostille.root': '$disabled',
  };
}

function entityOf(identity: Identity): { kind: string; reference: string | null } {
  switch (identity.kind) {
    case 'anonymous':
      return { kind: 'anonymous', reference: null };
    case 'repository-token':
      return { kind: 'token', reference: identity.tokenUuid };
    case 'robot':
      return { kind: 'robot', reference: identity.name };
    case 'user': {
      const { name, token } = identity;
      if (!token) return { kind: 'user', reference: name };
      return { kind: token.kind === 'oauth' ? 'oauthtoken' : 'appspecifictoken', reference: token.uuid };
    }
    default:
      return identity satisfies never;
  }
}
