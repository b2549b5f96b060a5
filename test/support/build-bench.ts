import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { Actor } from '../../commands/act';
import type { BuildDeps, BuildRepository } from '../../commands/builds/build-deps';
import { NotificationRule } from '../../db/entities/notifications';
import { Build, BuildTrigger } from '../../db/entities/builds';
import type { EventKind } from '../../model/events';
import { buildRepository, buildUser } from './factories';
import { sharedDatabase } from './database';

export const COMMIT = 'aabbccddeeff00112233445566778899aabbccdd';

/** A repository with an active trigger and a bell rule for every build event, for tests of builds. */
export interface BuildBench {
  dataSource: DataSource;
  deps: BuildDeps;
  repository: BuildRepository;
  trigger: BuildTrigger;
  owner: Actor;
  /** A build of the trigger that has just been accepted, without its outbox row. */
  addBuild(columns?: Partial<Build>): Promise<Build>;
  /** The build's row as it is now. */
  reload(build: Build): Promise<Build>;
}

const BUILD_EVENTS: EventKind[] = [
  'build_queued',
  'build_start',
  'build_success',
  'build_failure',
  'build_cancelled',
];

export async function buildBench(config: Partial<BuildDeps['config']> = {}): Promise<BuildBench> {
  const dataSource = await sharedDatabase();
  const { account } = await buildUser(dataSource);
  const row = await buildRepository(dataSource, { namespace: account });
  const { manager } = dataSource;
  for (const event of BUILD_EVENTS) {
    await manager.insert(NotificationRule, {
      uuid: randomUUID(),
      repositoryId: row.id,
      event,
      method: 'quay_notification',
      config: { target: { kind: 'user', name: account.name } } as object,
      eventConfig: {},
      createdAtMs: Date.now(),
    });
  }
  const { id } = await manager.save(
    manager.create(BuildTrigger, {
      uuid: randomUUID(),
      repositoryId: row.id,
      service: 'custom-git',
      config: { build_source: 'git@git.example:ops/web.git' },
      isActive: true,
      createdAtMs: Date.now(),
    }),
  );
  const deps: BuildDeps = {
    dataSource,
    now: () => Date.now(),
    address: { scheme: 'http', host: 'reg.example' },
    config: {
      FEATURE_BUILD_SUPPORT: true,
      BUILD_NAMESPACE_WAITING_LIMIT: 50,
      SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: 100,
      SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD: 5,
      ...config,
    },
  };
  return {
    dataSource,
    deps,
    repository: { id: row.id, namespaceId: account.id, namespace: account.name, name: row.name },
    trigger: await manager.findOneByOrFail(BuildTrigger, { id }),
    owner: { kind: 'user', accountId: account.id, name: account.name, ip: '127.0.0.1' },
    async addBuild(columns = {}) {
      const build = await manager.save(
        manager.create(Build, {
          uuid: randomUUID(),
          repositoryId: row.id,
          triggerId: id,
          phase: 'waiting',
          displayName: COMMIT.slice(0, 7),
          dockerTags: ['main'],
          context: '/',
          dockerfilePath: '/Dockerfile',
          triggerMetadata: { commit: COMMIT, ref: 'refs/heads/main', git_url: 'git@git.example:ops/web.git' },
          status: {},
          createdAtMs: Date.now(),
          ...columns,
        }),
      );
      return manager.findOneByOrFail(Build, { id: build.id });
    },
    reload: (build) => manager.findOneByOrFail(Build, { id: build.id }),
  };
}
