import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { Blob } from '../../db/entities/content';
import { parseDigest } from '../../model/digests';
import { OCI_INDEX, OCI_MANIFEST } from '../support/images';
import type { Presence } from './client-journal';
import type { ClientParts } from './client-parts';
import type { PossibleStates } from './possible-states';

/** Compares everything that a client was promised with what the registry says, which the journal then goes on from. */
export async function verifyClient(client: ClientParts): Promise<void> {
  const { journal, name } = client;
  const judge = <State>(states: PossibleStates<State>, what: string, found: State) => {
    const possible = states.of(what);
    if (!possible.has(found)) {
      const expected = [...possible].join(' or ');
      journal.findings.push(`${name}: ${what} is ${String(found)}, it should be ${expected}`);
    }
    states.observe(what, found);
  };
  for (const digest of journal.blobs.names) judge(journal.blobs, digest, await blobState(client, digest));
  for (const digest of journal.manifests.names) {
    judge(journal.manifests, digest, await manifestState(client, digest));
  }
  const listed = await listTags(client);
  for (const tag of new Set([...journal.tags.names, ...listed])) {
    const digest = await tagState(client, tag);
    if (listed.includes(tag) !== (digest !== null)) {
      journal.findings.push(`${name}: the list of tags lies about ${tag}`);
    }
    judge(journal.tags, tag, digest);
  }
}

/** Every blob that the database knows, hashed from the file itself; what is wrong with them. */
export async function rehashBlobs(dataSource: DataSource, storagePath: string): Promise<string[]> {
  const findings: string[] = [];
  for (const { digest, storageKey, sizeBytes } of await dataSource.manager.find(Blob)) {
    const bytes = await readFile(join(storagePath, storageKey)).catch(() => undefined);
    if (!bytes) findings.push(`${digest} has no file at ${storageKey}`);
    else if (hashed(bytes, digest) !== digest || bytes.length !== sizeBytes) {
      findings.push(`${digest} has other bytes at ${storageKey}`);
    }
  }
  return findings;
}

function blobState(client: ClientParts, digest: string): Promise<Presence> {
  return presence(client, `blobs/${digest}`, (bytes) => hashed(bytes, digest) === digest);
}

function manifestState(client: ClientParts, digest: string): Promise<Presence> {
  const body = client.journal.bodies.get(digest)?.body;
  return presence(client, `manifests/${digest}`, (bytes) => bytes.toString() === body);
}

async function presence(
  client: ClientParts,
  path: string,
  isRight: (bytes: Buffer) => boolean,
): Promise<Presence> {
  const { status, bytes } = await read(client, path);
  if (status === 404) return 'gone';
  return status === 200 && bytes && isRight(bytes) ? 'there' : 'broken';
}

async function tagState(client: ClientParts, tag: string): Promise<string | null> {
  const { status, bytes, digest } = await read(client, `manifests/${tag}`);
  if (status === 404) return null;
  const isRight = status === 200 && bytes && hashed(bytes, digest) === digest;
  return isRight ? digest : `answered with ${status}`;
}

async function listTags(client: ClientParts): Promise<string[]> {
  const { bytes } = await read(client, 'tags/list?n=1000');
  const { tags } = JSON.parse(bytes?.toString() ?? '{}') as { tags?: string[] };
  return tags ?? [];
}

/** Without bytes when the answer broke off, as it does when a file ends before it should. */
async function read(
  { registry, repository }: ClientParts,
  path: string,
): Promise<{ status: number; digest: string; bytes: Buffer | undefined }> {
  const options = { headers: { accept: `${OCI_MANIFEST}, ${OCI_INDEX}` } };
  const response = await registry.call('GET', `/v2/${repository}/${path}`, options);
  const digest = response.headers.get('docker-content-digest') ?? '';
  const bytes = await response.arrayBuffer().catch(() => undefined);
  return { status: response.status, digest, bytes: bytes && Buffer.from(bytes) };
}

function hashed(bytes: Buffer, digest: string): string {
  const algorithm = parseDigest(digest)?.algorithm ?? 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
