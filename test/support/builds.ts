import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import { Build } from '../../db/entities/builds';
import { buildOrganization, buildRepository } from './factories';

/** A row of a build in a new repository; what matters to the test goes into `columns`. */
export async function insertBuild(dataSource: DataSource, columns: Partial<Build> = {}) {
  const { account } = await buildOrganization(dataSource);
  const repository = await buildRepository(dataSource, { namespace: account });
  const build = dataSource.manager.create(Build, {
    uuid: randomUUID(),
    repositoryId: repository.id,
    phase: 'building',
    displayName: 'x',
    dockerTags: [],
    context: '/',
    dockerfilePath: '/Dockerfile',
    triggerMetadata: {},
    status: {},
    createdAtMs: Date.now(),
    ...columns,
  });
  await dataSource.manager.save(build);
  return { uuid: build.uuid, namespace: account.name, repositoryId: repository.id };
}
