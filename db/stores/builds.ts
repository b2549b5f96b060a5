import type { EntityManager } from 'typeorm';
import { In, MoreThanOrEqual, Not } from 'typeorm';

import { FINAL_PHASES } from '../../model/phases';
import { Account } from '../entities/accounts';
import { Build, BuildLogEntry, BuildTrigger } from '../entities/builds';
import { Repository, RepositoryToken } from '../entities/repositories';

/** A build with the rows that people and messages see beside it. */
export interface BuildInContext {
  build: Build;
  trigger: BuildTrigger | null;
  repository: { id: number; namespaceId: number; namespace: string; name: string };
  manualUser: string | null;
}

/** The row under a lock that lasts until the transaction ends; undefined when it is gone with its repository. */
export async function lockBuild(manager: EntityManager, uuid: string): Promise<Build | undefined> {
  const build = await manager.findOne(Build, { where: { uuid }, lock: { mode: 'pessimistic_write' } });
  return build ?? undefined;
}

export async function findBuild(manager: EntityManager, uuid: string): Promise<BuildInContext | undefined> {
  const build = await manager.findOneBy(Build, { uuid });
  return build ? withContext(manager, build) : undefined;
}

export async function withContext(manager: EntityManager, build: Build): Promise<BuildInContext> {
  const repository = await manager.findOneByOrFail(Repository, { id: build.repositoryId });
  const namespace = await manager.findOneByOrFail(Account, { id: repository.namespaceId });
  const trigger =
    build.triggerId === null ? null : await manager.findOneBy(BuildTrigger, { id: build.triggerId });
  const manual =
    build.manualAccountId === null ? null : await manager.findOneBy(Account, { id: build.manualAccountId });
  const { id, namespaceId, name } = repository;
  return {
    build,
    trigger,
    repository: { id, namespaceId, namespace: namespace.name, name },
    manualUser: manual?.name ?? null,
  };
}

export interface BuildList {
  repositoryId: number;
  triggerId?: number;
  /** Inclusive. */
  sinceMs?: number;
  limit: number;
}

/** Newest first. */
export async function listBuilds(manager: EntityManager, list: BuildList): Promise<Build[]> {
  const { repositoryId, triggerId, sinceMs, limit } = list;
  return manager.find(Build, {
    where: {
      repositoryId,
      ...(triggerId === undefined ? {} : { triggerId }),
      ...(sinceMs === undefined ? {} : { createdAtMs: MoreThanOrEqual(sinceMs) }),
    },
    order: { createdAtMs: 'DESC', id: 'DESC' },
    take: limit,
  });
}

export interface OpenBuildCounts {
  waiting: number;
  open: number;
}

/** Builds of a namespace that have not ended, the last attempt of one included (builds spec 7 #15). */
export async function countOpenBuilds(manager: EntityManager, namespaceId: number): Promise<OpenBuildCounts> {
  const row = await manager
    .createQueryBuilder(Build, 'b')
    .select('COUNT(*)', 'open')
    .addSelect("COALESCE(SUM(b.phase = 'waiting'), 0)", 'waiting')
    .innerJoin(Repository, 'r', 'r.id = b.repositoryId')
    .where('r.namespaceId = :namespaceId AND b.phase NOT IN (:...final)', {
      namespaceId,
      final: FINAL_PHASES,
    })
    .getRawOne<{ open: string; waiting: string }>();
  return { open: Number(row?.open ?? 0), waiting: Number(row?.waiting ?? 0) };
}

/** Log entries from `start` on, at most `limit`. */
export async function readBuildLog(
  manager: EntityManager,
  buildId: number,
  start: number,
  limit: number,
): Promise<BuildLogEntry[]> {
  return manager.find(BuildLogEntry, {
    where: { buildId, position: MoreThanOrEqual(start) },
    order: { position: 'ASC' },
    take: limit,
  });
}

/** Names of accounts by id; for robots that builds and triggers pull with. */
export async function findAccountNames(
  manager: EntityManager,
  ids: readonly (number | null)[],
): Promise<Map<number, string>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const accounts = await manager.find(Account, {
    select: { id: true, name: true },
    where: { id: In(wanted) },
  });
  return new Map(accounts.map((account) => [account.id, account.name]));
}

/** The row under a lock, for whoever counts its failures. */
export async function lockTrigger(manager: EntityManager, id: number): Promise<BuildTrigger | undefined> {
  const trigger = await manager.findOne(BuildTrigger, { where: { id }, lock: { mode: 'pessimistic_write' } });
  return trigger ?? undefined;
}

/** A trigger with what its webhook address and its view need. */
export interface TriggerInContext {
  trigger: BuildTrigger;
  /** Null until the trigger is active. */
  token: RepositoryToken | null;
  pullRobot: string | null;
}

/** All triggers of a repository, oldest first, or the one that is named. */
export async function findTriggers(
  manager: EntityManager,
  repositoryId: number,
  uuid?: string,
): Promise<TriggerInContext[]> {
  const where = { repositoryId, ...(uuid === undefined ? {} : { uuid }) };
  const triggers = await manager.find(BuildTrigger, { where, order: { id: 'ASC' } });
  const tokenIds = triggers.map((trigger) => trigger.writeTokenId).filter((id) => id !== null);
  const tokens = tokenIds.length === 0 ? [] : await manager.findBy(RepositoryToken, { id: In(tokenIds) });
  const robots = await findAccountNames(
    manager,
    triggers.map((trigger) => trigger.pullRobotId),
  );
  return triggers.map((trigger) => ({
    trigger,
    token: tokens.find((token) => token.id === trigger.writeTokenId) ?? null,
    pullRobot: robots.get(trigger.pullRobotId ?? 0) ?? null,
  }));
}

/** A trigger with the path of its repository, whatever repository that is. */
export async function findTriggerByUuid(
  manager: EntityManager,
  uuid: string,
): Promise<{ trigger: BuildTrigger; repository: BuildInContext['repository'] } | undefined> {
  const trigger = await manager.findOneBy(BuildTrigger, { uuid });
  if (!trigger) return undefined;
  const repository = await manager.findOneByOrFail(Repository, { id: trigger.repositoryId });
  const namespace = await manager.findOneByOrFail(Account, { id: repository.namespaceId });
  const { id, namespaceId, name } = repository;
  return { trigger, repository: { id, namespaceId, namespace: namespace.name, name } };
}

/** Those of the builds that have not ended. */
export async function keepOpenBuilds(manager: EntityManager, uuids: string[]): Promise<string[]> {
  if (uuids.length === 0) return [];
  const rows = await manager.find(Build, {
    select: { id: true, uuid: true },
    where: { uuid: In(uuids), phase: Not(In(FINAL_PHASES)) },
  });
  return rows.map((row) => row.uuid);
}
