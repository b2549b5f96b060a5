import type { DataSource } from 'typeorm';

import type { AccessPolicy } from '../auth/access';
import { repositoryAccess } from '../auth/access';
import { credentialProof } from '../auth/credential-proof';
import type { RepositoryPath } from '../model/names';
import { formatRepositoryPath } from '../model/names';
import type { OnLookup } from './registry-deps';
import type { ProvenToken } from './token/registry-tokens';

/** Reads may rely on a decision for this long; registry spec 18.10 allows 30 s. */
const LIFETIME_MS = 15_000;
const ENTRIES = 10_000;

export type ReadDecision =
  | { outcome: 'readable'; repositoryId: number; isPublic: boolean }
  /** The caller would see it if it were there. */
  | { outcome: 'absent' }
  | { outcome: 'namespace-disabled' }
  | { outcome: 'refused' }
  /** The credentials behind the token were changed or switched off. */
  | { outcome: 'token-revoked' };

interface Entry {
  decision: Promise<ReadDecision>;
  madeAtMs: number;
}

/** May this token read this repository? One answer serves all requests of some seconds, and all that wait for it. */
export class ReadAccess {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly deps: {
      dataSource: DataSource;
      now: () => number;
      policy: AccessPolicy;
      onLookup?: OnLookup;
    },
    private readonly lifetimeMs = LIFETIME_MS,
  ) {}

  async decide(token: ProvenToken, path: RepositoryPath): Promise<ReadDecision> {
    const nowMs = this.deps.now();
    const key = `${token.hash} ${formatRepositoryPath(path)}`;
    const known = this.entries.get(key);
    const isHit = known !== undefined && this.isFresh(known, nowMs);
    this.deps.onLookup?.('read_access', isHit);
    if (isHit) return known.decision;
    const entry = { decision: this.look(token, path, nowMs), madeAtMs: nowMs };
    this.remember(key, entry);
    try {
      const decision = await entry.decision;
      // Only a yes is kept: the repository may be made, or the right given, a moment later.
      if (decision.outcome !== 'readable') this.forget(key, entry);
      return decision;
    } catch (error) {
      this.forget(key, entry);
      throw error;
    }
  }

  /** Not when the clock was set back meanwhile: a right that was taken away would count for hours. */
  private isFresh({ madeAtMs }: Entry, nowMs: number): boolean {
    return nowMs >= madeAtMs && nowMs < madeAtMs + this.lifetimeMs;
  }

  private async look(token: ProvenToken, path: RepositoryPath, nowMs: number): Promise<ReadDecision> {
    const { manager } = this.deps.dataSource;
    const { policy } = this.deps;
    const access = await repositoryAccess(manager, token.identity, path, { policy, nowMs });
    if ((await credentialProof(manager, token.identity, nowMs, access.credential)) !== token.proof) {
      return { outcome: 'token-revoked' };
    }
    if (!access.role && !(access.mayCreate && !access.repository)) return { outcome: 'refused' };
    if (access.namespace && !access.namespace.enabled) return { outcome: 'namespace-disabled' };
    if (!access.repository) return { outcome: 'absent' };
    const { id, visibility } = access.repository;
    return { outcome: 'readable', repositoryId: id, isPublic: visibility === 'public' };
  }

  private remember(key: string, entry: Entry): void {
    this.entries.delete(key);
    const oldest = this.entries.size >= ENTRIES ? this.entries.keys().next().value : undefined;
    if (oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(key, entry);
  }

  private forget(key: string, entry: Entry): void {
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }
}
