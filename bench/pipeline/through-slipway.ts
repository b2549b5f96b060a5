import { setTimeout as delay } from 'node:timers/promises';

import type { Product } from '../../test/support/product';
import type { BuildAnswer } from '../../test/support/project';
import type { PushedImage, Side } from './sides';
import { readTag, TAGS } from './sides';

export interface CalledBuild {
  buildId: string;
  /** Milliseconds since the epoch: the webhook call was sent, its answer was read. */
  calledAtMs: number;
  answeredAtMs: number;
}

export interface SlipwayRun extends CalledBuild {
  /** The phase is `complete` and every tag answers with the new digest. */
  endedAtMs: number;
  image: PushedImage;
}

/** Commits the tree to the source and pushes it there; nobody is told. */
export function pushTree({ project: { source } }: Side, tree: Record<string, string>): string {
  const commit = source.commit(tree);
  source.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  return commit;
}

/** What the host of the source does after a push. */
async function callWebhook({ project }: Side, commit: string): Promise<CalledBuild> {
  const calledAtMs = Date.now();
  const response = await project.callWebhook(commit);
  const answer = (await response.json()) as { build_id?: string };
  const answeredAtMs = Date.now();
  if (answer.build_id === undefined) {
    throw new Error(`the webhook answered ${response.status}: ${JSON.stringify(answer)}`);
  }
  return { buildId: answer.build_id, calledAtMs, answeredAtMs };
}

/** From the webhook call to an image that can be pulled, as somebody sees it who asks the API. */
export async function buildThroughSlipway(side: Side, tree: Record<string, string>): Promise<SlipwayRun> {
  const called = await callWebhook(side, pushTree(side, tree));
  await untilComplete(side, called.buildId);
  const images = await Promise.all(TAGS.map((tag) => readTag(side, tag)));
  const endedAtMs = Date.now();
  const [image] = images;
  if (!image || images.some((other) => other?.digest !== image.digest)) {
    throw new Error(`build ${called.buildId} is complete, but its tags are not all there`);
  }
  return { ...called, endedAtMs, image };
}

/** Asks rarely while the engine builds, so that asking costs the build nothing, and often towards the end. */
async function untilComplete({ project }: Side, buildId: string): Promise<void> {
  const path = `/repository/${project.path}/build/${buildId}`;
  for (;;) {
    const { status, body } = await project.owner.call<BuildAnswer>('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
    const { phase, error } = body;
    if (phase === 'complete') return;
    if (['error', 'internalerror', 'cancelled', 'expired'].includes(phase)) {
      throw new Error(`build ${buildId} ended as ${phase}: ${error ?? ''}`);
    }
    await delay(phase === 'pushing' ? 20 : 250);
  }
}

export interface FirstLine {
  sinceCallMs: number;
  sinceAnswerMs: number;
}

/** How long until somebody who follows the log sees the first line of the clone; the build goes on meanwhile. */
export async function timeFirstLine(
  made: Product,
  side: Side,
  commit: string,
): Promise<FirstLine & CalledBuild> {
  const called = await callWebhook(side, commit);
  const url = `${made.base}/api/v1/repository/${side.project.path}/build/${called.buildId}/logs`;
  const headers = { authorization: `Bearer ${side.project.owner.token}` };
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const { logs = [] } = (await (await fetch(url, { headers })).json()) as { logs?: { message: string }[] };
    const seenAtMs = Date.now();
    if (logs.some(({ message }) => message.startsWith('Cloning '))) {
      const { calledAtMs, answeredAtMs } = called;
      return { ...called, sinceCallMs: seenAtMs - calledAtMs, sinceAnswerMs: seenAtMs - answeredAtMs };
    }
    await delay(8);
  }
  throw new Error(`build ${called.buildId} has not begun to clone after a minute`);
}
