import assert from 'node:assert/strict';

import { Build } from '../../db/entities/builds';
import { isFinalPhase } from '../../model/phases';
import { eventually } from '../support/eventually';
import { clientOf, pullWhole } from './check-pushes';
import type { Findings } from './findings';
import type { Installation } from './installation';
import type { Journal } from './journal';

const END_MS = 180_000;

/** Waits until every build has ended; answers them. */
export async function waitForBuilds({ made }: Installation, findings: Findings): Promise<Build[]> {
  await findings.attempt('builds', () =>
    eventually(
      async () => {
        const open = (await made.dataSource.manager.find(Build)).filter(({ phase }) => !isFinalPhase(phase));
        const told = open.map(({ uuid, phase, attempt }) => `${uuid} is ${phase}, attempt ${attempt}`);
        assert.deepEqual(told, [], 'every build has an end');
      },
      END_MS,
      500,
    ),
  );
  return made.dataSource.manager.find(Build);
}

/** One build for each call that was acknowledged, and for each build one content under all of its tags or under none. */
export async function checkBuilds(
  installation: Installation,
  builds: Build[],
  journal: Journal,
  findings: Findings,
): Promise<void> {
  checkCalls(builds, journal, findings);
  const contents = await tagsByBuild(installation);
  for (const build of builds) {
    const name = `build ${build.uuid}, ${build.phase} after ${build.attempt} attempts`;
    const tags = contents.get(build.uuid) ?? new Map<string, Set<string>>();
    const digests = new Set([...tags.values()].flatMap((ofTag) => [...ofTag]));
    findings.expect(digests.size <= 1, `${name}: pushed ${[...digests].join(' and ')}`);
    const expected = build.phase === 'complete' ? [...build.dockerTags].sort() : [];
    const pushed = [...tags.keys()].sort();
    findings.expect(
      pushed.join() === expected.join(),
      `${name}: its tags are ${pushed.join(', ') || 'none'}, not ${expected.join(', ') || 'none'}`,
    );
    if (build.phase === 'complete') await checkImage(installation, build, digests, findings);
    else checkFailure(build, journal, findings);
  }
}

function checkCalls(builds: Build[], journal: Journal, findings: Findings): void {
  const commits = [...journal.builds.map(({ commit }) => commit), ...journal.unacknowledgedCommits];
  for (const commit of commits) {
    const found = builds.filter(({ triggerMetadata }) => triggerMetadata.commit === commit);
    const told = journal.builds.find((build) => build.commit === commit);
    findings.expect(found.length <= 1, `commit ${commit} has ${found.length} builds`);
    findings.expect(
      !told || found[0]?.uuid === told.buildId,
      `commit ${commit}: told of build ${told?.buildId}, found ${found[0]?.uuid}`,
    );
  }
}

/** Digests by tag, for each build, in the whole history of tags; what is built bears the id of its build. */
async function tagsByBuild({ made }: Installation): Promise<Map<string, Map<string, Set<string>>>> {
  const rows = await made.dataSource.manager.query<{ build: string; tag: string; digest: string }[]>(
    `SELECT l.label_value AS build, t.name AS tag, t.digest AS digest FROM tag t
       JOIN manifest_label l ON l.manifest_id = t.manifest_id WHERE l.label_key = 'slipway.build'`,
  );
  const byBuild = new Map<string, Map<string, Set<string>>>();
  for (const { build: label, tag, digest } of rows) {
    const build = label.replaceAll('"', '');
    const tags = byBuild.get(build) ?? new Map<string, Set<string>>();
    tags.set(tag, (tags.get(tag) ?? new Set<string>()).add(digest));
    byBuild.set(build, tags);
  }
  return byBuild;
}

async function checkImage(
  { made, projects }: Installation,
  build: Build,
  digests: Set<string>,
  findings: Findings,
): Promise<void> {
  findings.expect(
    digests.has(build.manifestDigest ?? ''),
    `build ${build.uuid} says ${build.manifestDigest}, its tags ${[...digests].join()}`,
  );
  for (const project of projects) {
    const owned = await made.dataSource.manager.query<unknown[]>(
      `SELECT 1 FROM repository r JOIN account n ON n.id = r.namespace_id WHERE r.id = ? AND n.name = ?`,
      [build.repositoryId, project.organization],
    );
    if (owned.length === 0) continue;
    await findings.attempt(`image of build ${build.uuid}`, () =>
      pullWhole(
        clientOf(made.base, project),
        project.path,
        build.manifestDigest ?? '',
        build.manifestDigest ?? '',
      ),
    );
  }
}

/** A git host that stays away for three tries is the user's to mend (design 8); nothing else here is. */
function checkFailure(build: Build, journal: Journal, findings: Findings): void {
  const { phase, errorCode, errorMessage, createdAtMs, endedAtMs } = build;
  const gitWasAway = journal.wasAway('git server', createdAtMs, endedAtMs ?? Date.now());
  const isGit =
    phase === 'error' && errorCode === 'gitfailure' && /given up after 3 tries$/.test(errorMessage ?? '');
  findings.expect(isGit && gitWasAway, `build ${build.uuid} is ${phase}: ${errorCode} ${errorMessage}`);
}
