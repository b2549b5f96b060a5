import { Build } from '../../db/entities/builds';
import { RepositoryToken } from '../../db/entities/repositories';
import type { FinalPhase } from '../../model/phases';
import type { Act } from '../act';

export interface BuildEnd {
  phase: FinalPhase;
  errorCode?: string;
  errorMessage?: string;
  imageId?: string;
  manifestDigest?: string;
}

/** Writes the end of a build that the caller has locked, and ends its right to push in the same transaction. */
export async function endBuild(act: Act, build: Build, end: BuildEnd): Promise<void> {
  await act.manager.update(Build, build.id, { ...end, endedAtMs: act.nowMs });
  await revokeBuildToken(act, build);
}

export async function revokeBuildToken(act: Act, build: Build): Promise<void> {
  if (build.pushTokenId === null) return;
  await act.manager.update(RepositoryToken, build.pushTokenId, { revokedAtMs: act.nowMs });
}
