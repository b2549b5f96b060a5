import type { EntityManager } from 'typeorm';

import type { BuildPhase } from '../../model/phases';
import { Build } from '../entities/builds';

/** The phase of a build, which nobody can change before this transaction ends. */
export async function lockBuildPhase(manager: EntityManager, uuid: string): Promise<BuildPhase | undefined> {
  const build = await manager.findOne(Build, {
    select: { id: true, phase: true },
    where: { uuid },
    lock: { mode: 'pessimistic_write' },
  });
  return build?.phase;
}
