import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

import { pushBlob } from './client';
import { BlobMaker } from './content';
import { HttpConnection } from './http-connection';

/** One push for each of the header lines, all at the same time. */
export interface PushOrder {
  port: number;
  repository: string;
  headers: string[];
  sizeBytes: number;
}

export interface PushReport {
  pushed: string[];
  elapsedMs: number;
  errors: string[];
}

async function main(): Promise<void> {
  if (!parentPort) throw new Error('this is a thread of the bench');
  const { port, repository, headers, sizeBytes } = workerData as PushOrder;
  const maker = new BlobMaker(sizeBytes);
  const clients = await Promise.all(
    headers.map(async (lines) => ({
      connection: await HttpConnection.open(port, 64 * 1024),
      headers: lines,
      repository,
    })),
  );
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const beganMs = performance.now();
  const report: PushReport = { pushed: [], elapsedMs: 0, errors: [] };
  const pushes = clients.map(async (client) => {
    const content = maker.make();
    await pushBlob(client, content);
    report.pushed.push(content.digest);
  });
  for (const end of await Promise.allSettled(pushes)) {
    if (end.status === 'rejected') report.errors.push(String(end.reason));
  }
  report.elapsedMs = performance.now() - beganMs;
  parentPort.postMessage(report);
}

void main();
