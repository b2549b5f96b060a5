import { Readable } from 'node:stream';

import { ActError } from '../../commands/act-error';
import type { AttemptState, BuildAttempt } from '../../commands/builds/build-attempts';
import { beginAttempt, markBuildPhase, recordLostAttempt } from '../../commands/builds/build-attempts';
import type { BuildDeps } from '../../commands/builds/build-deps';
import { recordLogObject } from '../../commands/builds/build-log';
import { recordCancelledBuild } from '../../commands/builds/cancel-build';
import { completePushedBuild } from '../../commands/builds/complete-pushed-build';
import { completeBuild, failBuild } from '../../commands/builds/finish-build';
import type { Build } from '../../db/entities/builds';
import { findBuild, keepOpenBuilds, readBuildLog } from '../../db/stores/builds';
import { isFinalPhase } from '../../model/phases';
import type { Storage } from '../../storage/driver';
import type { BuildMarkActivities, BuildRecordActivities } from './contracts';

export interface BuildRecordDeps extends BuildDeps {
  storage: Pick<Storage, 'putObject'>;
}

const PAGE = 1000;

/** Local activities of builds. */
export function createBuildMarkActivities(deps: BuildDeps): BuildMarkActivities {
  return {
    beginAttempt: async (attempt) => (await beginAttempt(deps, attempt)) ?? null,
    markBuild: (attempt, phase) => markBuildPhase(deps, attempt, phase),
  };
}

/** Activities of the queue `maintenance` that keep our own record of builds. */
export function createBuildRecordActivities(deps: BuildRecordDeps): BuildRecordActivities {
  return {
    recordLostAttempt: (attempt, message) => recordLostAttempt(deps, attempt, message),
    completeBuild: (attempt, image) => completeBuild(deps, attempt, image),
    completePushedBuild: (attempt) => completePushedBuildOrFail(deps, attempt),
    failBuild: (attempt, failure) => failBuild(deps, attempt, failure),
    recordCancelledBuild: (buildId) => recordCancelledBuild(deps, buildId),
    archiveLog: (buildId) => archiveLog(deps, buildId),
    keepOpenBuilds: (buildIds) => keepOpenBuilds(deps.dataSource.manager, buildIds),
  };
}

/** A tag that may not be moved ends the build as it would have ended its push; so does an image that was deleted since. */
async function completePushedBuildOrFail(deps: BuildDeps, attempt: BuildAttempt): Promise<AttemptState> {
  try {
    return await completePushedBuild(deps, attempt);
  } catch (error) {
    if (!(error instanceof ActError)) throw error;
    return failBuild(deps, attempt, { phase: 'error', code: 'builderror', message: error.message });
  }
}

async function archiveLog(deps: BuildRecordDeps, buildId: string): Promise<void> {
  const found = await findBuild(deps.dataSource.manager, buildId);
  if (!found || found.build.logObjectKey !== null || !isFinalPhase(found.build.phase)) return;
  const key = `objects/build-logs/${buildId}.json`;
  await deps.storage.putObject(key, Readable.from(logDocument(deps, found.build)));
  await recordLogObject(deps, buildId, key);
}

/** The shape of the API's answer, page by page: a log may be larger than memory should hold. */
async function* logDocument(deps: BuildRecordDeps, build: Build): AsyncGenerator<Buffer> {
  yield Buffer.from(`{"start":0,"total":${build.logLength},"logs":[`);
  let position = 0;
  for (;;) {
    const entries = await readBuildLog(deps.dataSource.manager, build.id, position, PAGE);
    const texts = entries.map(({ message, type, data }) =>
      JSON.stringify({ message, type, data, datetime: data.datetime }),
    );
    if (texts.length > 0) yield Buffer.from(`${position > 0 ? ',' : ''}${texts.join(',')}`);
    if (entries.length < PAGE) break;
    position += entries.length;
  }
  yield Buffer.from(']}');
}
