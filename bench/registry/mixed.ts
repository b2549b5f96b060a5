import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { quantile } from '../statistics';
import { SMALL, TAG } from './cells';
import type { Client } from './client';
import { ACCEPT, expectStatus, pullBlob } from './client';
import { MIB } from './content';
import { BLOBS } from './ground';
import type { PushOrder, PushReport } from './push-worker';
import type { Run, Work } from './runs';

const PUSHES = 8;
const PUSH_BYTES = 512 * MIB;
const QUICK_PUSH_BYTES = 96 * MIB;

/**
 * Pulls of 1 MiB, one at a time, while eight large pushes run (performance spec 2.4), and between them manifests and looks at the
 * health. The pushes come from a thread of their own, so that they do not delay what is timed here.
 */
export async function runMixed(run: Run, [client]: Client[]): Promise<{ work: Work; pushed: string[] }> {
  const { side, quick } = run;
  if (!client) throw new Error('the mixed cell has one client');
  const repository = `${side.namespace}/${BLOBS}`;
  const headers = await Promise.all(Array.from({ length: PUSHES }, () => side.headersFor(repository)));
  const sizeBytes = quick ? QUICK_PUSH_BYTES : PUSH_BYTES;
  const order: PushOrder = { port: side.port, repository, headers, sizeBytes };
  const worker = new Worker(join(__dirname, 'push-worker.ts'), { workerData: order });
  const reported = once(worker, 'message') as Promise<[PushReport | 'ready']>;
  await reported;
  const pushing = once(worker, 'message') as Promise<[PushReport]>;
  const isOver = { value: false };
  void pushing.finally(() => (isOver.value = true)).catch(() => undefined);
  worker.postMessage('go');
  const work = await probe(run, client, isOver);
  const [{ pushed, elapsedMs, errors }] = await pushing;
  await worker.terminate();
  work.errors.push(...errors);
  return { work: { ...work, movedBytes: pushed.length * sizeBytes, elapsedMs }, pushed };
}

async function probe({ side, ground }: Run, client: Client, isOver: { value: boolean }): Promise<Work> {
  const { connection } = client;
  const digests = ground.blobs.get(MIB) ?? [];
  const manifest = `/v2/${side.namespace}/${SMALL}/manifests/${TAG}`;
  const manifestHeaders = (await side.headersFor(`${side.namespace}/${SMALL}`)) + ACCEPT;
  const work: Work = { times: [], firstBytes: [], movedBytes: 0, elapsedMs: 0, errors: [] };
  const [manifests, healths]: number[][] = [[], []];
  const timed = async (times: number[] | undefined, act: () => Promise<unknown>) => {
    const sinceMs = performance.now();
    await act();
    times?.push(performance.now() - sinceMs);
  };
  try {
    for (let turn = 0; !isOver.value; turn += 1) {
      await timed(work.times, async () => {
        const { firstByteMs } = await pullBlob(client, digests[turn % digests.length] ?? '', MIB);
        work.firstBytes.push(firstByteMs);
      });
      await timed(manifests, async () =>
        expectStatus(await connection.request('GET', manifest, manifestHeaders), 200),
      );
      await timed(healths, async () =>
        expectStatus(await connection.request('GET', side.healthPath, ''), 200),
      );
    }
  } catch (error) {
    work.errors.push(String(error));
  }
  const extra = {
    manifestP99Ms: quantile(manifests ?? [], 0.99),
    healthP99Ms: quantile(healths ?? [], 0.99),
  };
  return { ...work, extra };
}
