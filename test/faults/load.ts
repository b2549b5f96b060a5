import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { buildImage } from '../support/images';
import { buildLayer } from '../support/layers';
import type { Project } from '../support/project';
import type { Installation } from './installation';
import type { Journal } from './journal';
import { PatientPusher } from './patient-pusher';
import type { Plan, PlannedBuild } from './plan';

const run = promisify(execFile);

const GIT_PUSH_MS = 60_000;
const PAUSE_MS = 500;
/** How long after the window a client goes on trying: the last fault is over by then. */
const PATIENCE_MS = 90_000;

/** Of which the advisory folder knows. */
const WEAK_PACKAGE = [
  'usr/lib/python3/dist-packages/idna-3.6.dist-info/METADATA',
  'Metadata-Version: 2.1\nName: idna\nVersion: 3.6\n',
] as const;

/** Does to the product what its users do; resolves when all of it is acknowledged, answers what could not be. */
export async function runLoad(
  installation: Installation,
  plan: Plan,
  journal: Journal,
  startMs: number,
): Promise<string[]> {
  const giveUpAtMs = startMs + plan.scale.windowMs + PATIENCE_MS;
  const pushes = plan.pushes.map(async ({ atMs, project: number, tag, layers }) => {
    const project = projectOf(installation, number);
    await delay(Math.max(0, startMs + atMs - Date.now()));
    const { name: username, password } = project.owner;
    const pusher = new PatientPusher(installation.made.base, { username, password }, journal, giveUpAtMs);
    await pusher.push(project.path, tag, buildImage({ layers: await packLayers(layers) }));
  });
  const builds = installation.projects.map(async (project, number) => {
    // One clone per project, so one git push at a time.
    for (const build of plan.builds.filter((planned) => planned.project === number)) {
      await delay(Math.max(0, startMs + build.atMs - Date.now()));
      await pushCommit(installation.base, project, { build, journal, giveUpAtMs });
    }
  });
  const ends = await Promise.allSettled([...pushes, ...builds]);
  return ends.filter((end) => end.status === 'rejected').map(({ reason }) => describe(reason));
}

interface CommitPush {
  build: PlannedBuild;
  journal: Journal;
  giveUpAtMs: number;
}

/** Pushes new commits until the hook says that one is a build. */
async function pushCommit(
  base: string,
  project: Project,
  { build, journal, giveUpAtMs }: CommitPush,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const commit = project.source.commit(
      files(base, build, attempt),
      `build at ${build.atMs} ms, ${attempt}`,
    );
    const told = await gitPush(project);
    const [, buildId] = /main: build ([0-9a-f-]{36}) queued/.exec(told) ?? [];
    if (buildId !== undefined) {
      journal.builds.push({ repository: project.path, buildId, commit });
      return;
    }
    journal.unacknowledgedCommits.push(commit);
    if (Date.now() >= giveUpAtMs) throw new Error(`no build of ${project.path} was queued: ${told}`);
    await delay(PAUSE_MS);
  }
}

/** What the pusher sees, whether or not the push got through. */
async function gitPush({ source }: Project): Promise<string> {
  try {
    const args = ['-C', source.work, 'push', '--force', 'origin', 'HEAD:refs/heads/main'];
    const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' };
    const { stderr } = await run('git', args, { env, timeout: GIT_PUSH_MS });
    return stderr;
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? error);
  }
}

/** Something to scan, and to find. */
async function packLayers(contents: Buffer[]): Promise<Buffer[]> {
  const layers = [await buildLayer(Object.fromEntries([WEAK_PACKAGE]))];
  for (const content of contents) layers.push(await buildLayer({ 'srv/content': content }));
  return layers.map(({ bytes }) => bytes);
}

/** An image that is another one each time it is made. */
function files(base: string, build: PlannedBuild, attempt: number): Record<string, string> {
  return {
    Dockerfile: [
      `FROM ${base}`,
      'COPY marker /marker',
      'COPY vendor/ /usr/lib/python3/dist-packages/',
      `RUN head -c 32 /dev/urandom > /id && sleep ${build.seconds}`,
      '',
    ].join('\n'),
    marker: `${build.project} ${build.atMs} ${attempt}\n`,
    'vendor/idna-3.6.dist-info/METADATA': WEAK_PACKAGE[1],
  };
}

function projectOf({ projects }: Installation, number: number): Project {
  const project = projects[number];
  if (!project) throw new Error(`there is no project ${number}`);
  return project;
}

function describe(reason: unknown): string {
  const cause = reason instanceof Error && reason.cause instanceof Error ? `: ${reason.cause.message}` : '';
  return `${String(reason)}${cause}`;
}
