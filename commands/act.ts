import { randomUUID } from 'node:crypto';

import type { DataSource, EntityManager } from 'typeorm';

import { AuditLog } from '../db/entities/repositories';
import { OutboxRow } from '../db/entities/outbox';
import { repeatOnLockConflict } from '../db/lock-conflict';
import type { OutboxKind, OutboxMessages } from '../model/outbox-messages';

/** Who acts; `system` is the product itself (workflows, sweeps). */
export interface Actor {
  kind: 'user' | 'robot' | 'token' | 'anonymous' | 'system';
  /** The account behind it; null for `$token` passwords, nobody and the system. */
  accountId: number | null;
  /** What people are shown: user name, robot's full name, or what the token is for. */
  name: string;
  ip: string | null;
}

export const SYSTEM: Actor = { kind: 'system', accountId: null, name: 'slipway', ip: null };

/** What the composition root gives to every act. */
export interface ActDeps {
  dataSource: DataSource;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** One act under way: everything it writes commits together or not at all. */
export interface Act {
  manager: EntityManager;
  actor: Actor;
  nowMs: number;
}

/**
 * Runs an act in one transaction, at READ COMMITTED as all connections are (temporal spec 9), and repeats it, with jitter, when the database
 * chose it as the victim of a deadlock or a lock wait ran out. `work` must therefore touch nothing but the database.
 */
export async function runAct<T>(deps: ActDeps, actor: Actor, work: (act: Act) => Promise<T>): Promise<T> {
  return repeatOnLockConflict(() =>
    deps.dataSource.transaction((manager) => work({ manager, actor, nowMs: deps.now() })),
  );
}

/** True when an insert met a row with the same unique key. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ER_DUP_ENTRY';
}

/** True when an insert named a row that is not there. */
export function isMissingParent(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ER_NO_REFERENCED_ROW_2';
}

export interface OutboxEntry<K extends OutboxKind> {
  kind: K;
  payload: OutboxMessages[K];
  /** Rows of one key are relayed in commit order; lock the key's row (the repository) before calling. */
  orderingKey: string;
  /** Names the event; a random one by default. */
  eventId?: string;
}

/** Owes Temporal a start or a signal once the act has committed. */
export async function enqueue<K extends OutboxKind>(act: Act, entry: OutboxEntry<K>): Promise<void> {
  await act.manager.insert(OutboxRow, {
    eventId: entry.eventId ?? randomUUID(),
    orderingKey: entry.orderingKey,
    kind: entry.kind,
    payload: entry.payload as object,
    createdAtMs: act.nowMs,
    availableAtMs: act.nowMs,
  });
}

export interface AuditSubject {
  namespaceId?: number | null;
  repositoryId?: number | null;
}

/** Writes one entry of the usage log; `kind` and the keys of `metadata` are Quay's (api spec 33). */
export async function writeAudit(
  act: Act,
  kind: string,
  subject: AuditSubject,
  metadata: Record<string, unknown>,
): Promise<void> {
  await act.manager.insert(AuditLog, {
    kind,
    namespaceId: subject.namespaceId ?? null,
    repositoryId: subject.repositoryId ?? null,
    performerId: act.actor.accountId,
    ip: act.actor.ip,
    metadata: JSON.stringify(metadata),
    createdAtMs: act.nowMs,
  });
}
