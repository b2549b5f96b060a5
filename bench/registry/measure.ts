import { execFileSync } from 'node:child_process';

import { quantile } from '../statistics';
import { cpuSeconds, peakBytes, resetPeak } from './accounting';
import type { Client } from './client';
import { ACCEPT, expectStatus, pullBlob, pushBlob } from './client';
import { BlobMaker, MIB } from './content';
import { BLOBS } from './ground';
import { HttpConnection } from './http-connection';
import { runMixed } from './mixed';
import type { Measured, Run, Work } from './runs';

export async function measureCell(run: Run): Promise<Measured> {
  const { side, cell } = run;
  if (cell.kind === 'push' || cell.kind === 'mixed') execFileSync('sync');
  const pids = side.pids();
  const databasePids = side.databasePids();
  const clients = await openClients(run);
  resetPeak(pids);
  const [cpuBefore, databaseBefore] = [cpuSeconds(pids), cpuSeconds(databasePids)];
  const { work, tidy } = await runClients(run, clients);
  const cpuS = cpuSeconds(pids) - cpuBefore;
  const databaseCpuS = cpuSeconds(databasePids) - databaseBefore;
  const peakMiB = peakBytes(pids) / MIB;
  for (const { connection } of clients) connection.close();
  tidy();
  const units = work.movedBytes > 0 ? work.movedBytes / MIB : work.times.length;
  return {
    count: work.times.length,
    errors: work.errors,
    rate: (units * 1000) / work.elapsedMs,
    p50Ms: quantile(work.times, 0.5),
    p99Ms: quantile(work.times, 0.99),
    firstByteMs: quantile(work.firstBytes, 0.5),
    cpuMs: (cpuS * 1000) / units,
    databaseCpuMs: (databaseCpuS * 1000) / units,
    peakMiB,
    ...work.extra,
  };
}

async function openClients({ side, cell }: Run): Promise<Client[]> {
  const name = 'repository' in cell ? cell.repository : BLOBS;
  const repository = `${side.namespace}/${name}`;
  const readBytes = cell.kind === 'pull' || cell.kind === 'mixed' ? MIB : 64 * 1024;
  const clients: Client[] = [];
  for (let index = 0; index < cell.clients; index += 1) {
    const headers = await side.headersFor(repository);
    clients.push({ connection: await HttpConnection.open(side.port, readBytes), headers, repository });
  }
  return clients;
}

interface Done {
  work: Work;
  /** Frees the disk. */
  tidy: () => void;
}

const NOTHING = () => undefined;

async function runClients(run: Run, clients: Client[]): Promise<Done> {
  const { side, cell, ground } = run;
  switch (cell.kind) {
    case 'push': {
      const maker = new BlobMaker(cell.sizeBytes);
      const pushed: string[] = [];
      const work = await repeat(run, clients, async (client) => {
        const content = maker.make();
        await pushBlob(client, content, cell);
        pushed.push(content.digest);
        return { bytes: content.sizeBytes };
      });
      return { work, tidy: () => side.removeBlobs(pushed) };
    }
    case 'pull': {
      const digests = ground.blobs.get(cell.sizeBytes) ?? [];
      const work = await repeat(run, clients, async (client, turn) => {
        const { bodyBytes, firstByteMs } = await pullBlob(
          client,
          digests[turn % digests.length] ?? '',
          cell.sizeBytes,
        );
        return { bytes: bodyBytes, firstByteMs };
      });
      return { work, tidy: NOTHING };
    }
    case 'request': {
      const path = cell.path(ground.names);
      const work = await repeat(run, clients, async ({ connection, headers, repository }) => {
        expectStatus(
          await connection.request(cell.method, `/v2/${repository}${path}`, headers + ACCEPT),
          200,
        );
        return {};
      });
      return { work, tidy: NOTHING };
    }
    case 'token': {
      const { path, headers } = side.tokenRequest ?? { path: '', headers: '' };
      const work = await repeat(run, clients, async ({ connection }) => {
        expectStatus(await connection.request('GET', path, headers), 200);
        return {};
      });
      return { work, tidy: NOTHING };
    }
    case 'mixed': {
      const { work, pushed } = await runMixed(run, clients);
      return { work, tidy: () => side.removeBlobs(pushed) };
    }
    default:
      return cell satisfies never;
  }
}

type Act = (client: Client, turn: number) => Promise<{ bytes?: number; firstByteMs?: number }>;

/** Every client acts again and again until the time is over, and at least once; a client whose act fails ends. */
async function repeat({ ms }: Run, clients: Client[], act: Act): Promise<Work> {
  const work: Work = { times: [], firstBytes: [], movedBytes: 0, elapsedMs: 0, errors: [] };
  const beganMs = performance.now();
  let turns = 0;
  const one = async (client: Client) => {
    do {
      const sinceMs = performance.now();
      const { bytes = 0, firstByteMs } = await act(client, (turns += 1));
      work.times.push(performance.now() - sinceMs);
      work.movedBytes += bytes;
      if (firstByteMs !== undefined) work.firstBytes.push(firstByteMs);
    } while (performance.now() - beganMs < ms);
  };
  for (const end of await Promise.allSettled(clients.map(one))) {
    if (end.status === 'rejected') work.errors.push(String(end.reason));
  }
  work.elapsedMs = performance.now() - beganMs;
  return work;
}
