import { setTimeout as delay } from 'node:timers/promises';

import type { Scene } from './scene';
import { callWebhook, pushManifest } from './scene';

export interface Offer {
  /** Names the pushes, so that no two offers push the same. */
  name: string;
  pushes: number;
  webhooks: number;
  durationMs: number;
}

export interface Offered {
  /** Milliseconds from the moment at which the request was due to the end of its answer. */
  pushMs: number[];
  webhookMs: number[];
  /** One line for each request that was not answered as it should. */
  failures: string[];
}

/** Sooner than the client would do it itself, within a push. */
const TOKEN_MS = 120_000;

/**
 * Offers requests at a steady pace, whether or not those before have been answered; a slow answer therefore also shows
 * in the times of those behind it.
 */
export async function offer(scene: Scene, { name, pushes, webhooks, durationMs }: Offer): Promise<Offered> {
  const offered: Offered = { pushMs: [], webhookMs: [], failures: [] };
  const started = performance.now();
  const pace = async (count: number, times: number[], request: (n: number) => Promise<void>) => {
    const running: Promise<void>[] = [];
    for (let n = 0; n < count; n += 1) {
      const due = started + ((n + 0.5) * durationMs) / count;
      await delay(Math.max(0, due - performance.now()));
      running.push(
        request(n).then(
          () => void times.push(performance.now() - due),
          (error: unknown) => void offered.failures.push(String(error)),
        ),
      );
    }
    await Promise.all(running);
  };
  const siteOf = (n: number) => {
    const site = scene.sites[n % scene.sites.length];
    if (!site) throw new Error('the scene has no site');
    return site;
  };
  const ended = new AbortController();
  await renewTokens(scene);
  const renewing = renewUntil(scene, ended.signal).catch(
    (error: unknown) => void offered.failures.push(String(error)),
  );
  await Promise.all([
    pace(pushes, offered.pushMs, (n) => pushManifest(siteOf(n), `${name}-${n}`)),
    pace(webhooks, offered.webhookMs, (n) => callWebhook(siteOf(n))),
  ]);
  ended.abort();
  await renewing;
  return offered;
}

/** Before they are needed: what is measured is the push, not a sign-in. */
async function renewTokens({ sites }: Scene): Promise<void> {
  for (const { registry, project } of sites) {
    registry.forgetTokens();
    await registry.token(`repository:${project.path}:pull,push`);
  }
}

async function renewUntil(scene: Scene, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await delay(TOKEN_MS, undefined, { signal });
    } catch {
      return;
    }
    await renewTokens(scene);
  }
}
