import assert from 'node:assert/strict';

import type { Answer } from './client';
import { locationOf, withParameters } from './expectations';
import type { ClientRepository } from './repository';

export interface BlobContent {
  digest: string;
  bytes: Buffer;
}

export interface BlobPush {
  name: string;
  /** The answer to the request that names the digest, whatever it is. */
  push: (repository: ClientRepository, blob: BlobContent) => Promise<Answer>;
}

const OCTETS = { 'content-type': 'application/octet-stream' };
/** Of a chunk, the last one aside, unless the registry wants more. */
const CHUNK_BYTES = 1024;

/** The ways in which a blob can be pushed (registry spec 15.3). */
export const BLOB_PUSHES: readonly BlobPush[] = [
  { name: 'in one POST', push: pushInPost },
  { name: 'by POST and PUT', push: pushInPut },
  { name: 'in chunks', push: (repository, blob) => pushInChunks({ repository, blob, endsWith: 'PATCH' }) },
  {
    name: 'in chunks, the last in the PUT',
    push: (repository, blob) => pushInChunks({ repository, blob, endsWith: 'PUT' }),
  },
  { name: 'as a stream', push: pushAsStream },
];

/** The same with chunks that come too early or once more in between; each has to be refused, and the upload goes on. */
export const DISTURBED_PUSHES: readonly BlobPush[] = (['PATCH', 'PUT'] as const).map((endsWith) => ({
  name: endsWith === 'PUT' ? 'in chunks, the last in the PUT' : 'in chunks',
  push: (repository, blob) => pushInChunks({ repository, blob, endsWith, isDisturbed: true }),
}));

/** A push that has to succeed; the ways take turns. */
export async function pushBlob(repository: ClientRepository, blob: BlobContent, turn = 0): Promise<void> {
  const way = BLOB_PUSHES[turn % BLOB_PUSHES.length];
  const answer = await way?.push(repository, blob);
  assert.equal(answer?.status, 201, `blob ${blob.digest} is not taken ${way?.name}`);
}

function pushInPost({ client, uploads }: ClientRepository, { digest, bytes }: BlobContent): Promise<Answer> {
  const location = withParameters(uploads, [['digest', digest]]);
  return client.send('POST', location, { headers: OCTETS, body: bytes });
}

async function pushInPut({ client, uploads }: ClientRepository, blob: BlobContent): Promise<Answer> {
  const started = await client.expect(202, 'POST', uploads);
  const location = withParameters(locationOf(started), [['digest', blob.digest]]);
  return client.send('PUT', location, { headers: OCTETS, body: blob.bytes });
}

async function pushAsStream({ client, uploads }: ClientRepository, blob: BlobContent): Promise<Answer> {
  const started = await client.expect(202, 'POST', uploads);
  const body = { headers: OCTETS, body: blob.bytes, isStreamed: true };
  const patched = await client.expect(202, 'PATCH', locationOf(started), body);
  return client.send('PUT', withParameters(locationOf(patched), [['digest', blob.digest]]));
}

interface ChunkedPush {
  repository: ClientRepository;
  blob: BlobContent;
  /** The method of the last chunk. */
  endsWith: 'PATCH' | 'PUT';
  isDisturbed?: boolean;
}

async function pushInChunks(push: ChunkedPush): Promise<Answer> {
  const { client, uploads } = push.repository;
  const { digest, bytes } = push.blob;
  const started = await client.expect(202, 'POST', uploads);
  const least = Number(started.headers['oci-chunk-min-length'] ?? 0);
  const chunkBytes = Math.max(CHUNK_BYTES, least, Math.ceil(bytes.length / 3));
  let location = locationOf(started);
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    if (push.isDisturbed) location = await disturb(push, { location, start, chunkBytes });
    const answer = await sendChunk(push, { location, start, chunkBytes });
    const end = Math.min(start + chunkBytes, bytes.length) - 1;
    if (push.endsWith === 'PUT' && end === bytes.length - 1) return answer;
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.range, `0-${end}`);
    location = locationOf(answer);
  }
  return client.send('PUT', withParameters(location, [['digest', digest]]));
}

interface ChunkPlace {
  location: string;
  start: number;
  chunkBytes: number;
}

function sendChunk(push: ChunkedPush, { location, start, chunkBytes }: ChunkPlace): Promise<Answer> {
  const { digest, bytes } = push.blob;
  const body = bytes.subarray(start, start + chunkBytes);
  const headers = { ...OCTETS, 'content-range': `${start}-${start + body.length - 1}` };
  const isLast = start + body.length === bytes.length;
  const { client } = push.repository;
  return push.endsWith === 'PUT' && isLast
    ? client.send('PUT', withParameters(location, [['digest', digest]]), { headers, body })
    : client.send('PATCH', location, { headers, body });
}

/** Sends the chunk after the one that is due, or the first again: 416, and the session says how far it really is. */
async function disturb(push: ChunkedPush, due: ChunkPlace): Promise<string> {
  const { bytes } = push.blob;
  const next = due.start + due.chunkBytes;
  const refused = await sendChunk(push, { ...due, start: next < bytes.length ? next : 0 });
  assert.equal(refused.status, 416);
  const status = await push.repository.client.expect(204, 'GET', locationOf(refused));
  for (const { headers } of [refused, status]) assert.equal(headers.range, `0-${Math.max(0, due.start - 1)}`);
  return locationOf(status);
}
