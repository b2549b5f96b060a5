import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { serveGit } from '../../bin/demo/git-server.cjs';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface HostileGit {
  url: string;
  /** Requests that came so far, as `METHOD path`. */
  requests: string[];
  close(): Promise<void>;
}

export interface HostileGitOptions {
  /** Serves what is not played otherwise from the bare repositories of this folder. */
  folder: string;
  /** Plays the list of refs. */
  refs?: Answer;
  /** Plays the answer to what the client wants. */
  wants?: Answer;
  /** Plays the answer with the pack, which is the one after that. */
  pack?: Answer;
}

/** A git host over HTTP that plays false, at the refs or at the pack; it speaks the first protocol version only. */
export async function startHostileGit({ folder, refs, wants, pack }: HostileGitOptions): Promise<HostileGit> {
  const requests: string[] = [];
  let next: Answer | undefined;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    // Version 2 asks for refs and pack at one address.
    delete request.headers['git-protocol'];
    response.on('error', () => undefined);
    const played = request.url?.includes('/info/refs') ? refs : next;
    next = request.url?.includes('/info/refs') ? wants : pack;
    if (played) played(response, request);
    else serveGit(folder, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/app.git`,
    requests,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** One packet of git's protocol. */
export function packet(text: string | Buffer): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body]);
}

/** A packet on a channel of the side band: 1 is the pack, 2 is what the host tells the user. */
export function onBand(band: 1 | 2, data: Buffer): Buffer {
  return packet(Buffer.concat([Buffer.from([band]), data]));
}

/** How the answer with the pack of a shallow fetch begins: the shallow commit, nothing in common. */
export function packAnswer(response: ServerResponse, commit: string): void {
  response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
  response.write(Buffer.concat([packet(`shallow ${commit}\n`), Buffer.from('0000'), packet('NAK\n')]));
}

/** `PACK`, version 2, and many objects to come. */
export const PACK_BEGIN = Buffer.from('5041434b000000020000ffff', 'hex');

/** Writes the same block for as long as somebody reads. */
export function pour(response: ServerResponse, block: Buffer): void {
  const more = (): void => {
    while (!response.destroyed && response.write(block));
  };
  response.on('drain', more);
  more();
}

/** Commands of running processes whose HOME is below this folder. */
export function processesBelow(folder: string): string[] {
  const found = execFileSync('ps', ['-e', 'ww', '-o', 'pid=,args=', 'e'], { encoding: 'utf8' });
  return found.split('\n').filter((line) => line.includes(`HOME=${folder}`));
}
