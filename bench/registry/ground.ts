import type { BuiltImage } from '../../test/support/images';
import { buildImage, OCI_MANIFEST } from '../../test/support/images';
import type { Cell, Names } from './cells';
import { SMALL, TAG, TAG_COUNTS, tagRepository } from './cells';
import { expectStatus, pushBlob } from './client';
import type { BlobContent } from './content';
import { BlobMaker, MIB } from './content';
import { HttpConnection } from './http-connection';
import type { Side } from './side';

/** Where a cell's pulls and pushes go. */
export const BLOBS = 'blobs';
/** How many blobs of one size the clients pull in turn. */
const SET_BYTES = 256 * MIB;
const SET_AT_MOST = 64;

/** What lies in both registries before anything is measured. */
export interface Ground {
  names: Names;
  /** By size. */
  blobs: Map<number, string[]>;
}

/** Fills both sides with the same, as far as these cells need it. */
export async function layGround(sides: readonly Side[], cells: readonly Cell[]): Promise<Ground> {
  const image = buildImage({ layers: ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(20_000)) });
  const names: Names = { manifest: image.digest, layer: image.layers[0]?.digest ?? '' };
  const sizes = cells.flatMap((cell) =>
    cell.kind === 'pull' ? [cell.sizeBytes] : cell.kind === 'mixed' ? [MIB] : [],
  );
  const contents = [...new Set(sizes)].map((size) => [size, makeSet(size)] as const);
  const tagged = cells.filter((cell) => cell.kind === 'request').map(({ repository }) => repository);
  for (const side of sides) {
    await pushImage(side, SMALL, image);
    for (const count of TAG_COUNTS) {
      const repository = tagRepository(count);
      if (!tagged.includes(repository)) continue;
      await pushImage(side, repository, image);
      await side.fillTags(`${side.namespace}/${repository}`, TAG, count);
    }
    for (const [, set] of contents) await pushAll(side, BLOBS, set);
  }
  return { names, blobs: new Map(contents.map(([size, set]) => [size, set.map(({ digest }) => digest)])) };
}

function makeSet(sizeBytes: number): BlobContent[] {
  const maker = new BlobMaker(sizeBytes);
  const count = Math.min(SET_AT_MOST, Math.max(1, Math.floor(SET_BYTES / sizeBytes)));
  return Array.from({ length: count }, () => maker.make());
}

async function pushAll(side: Side, repository: string, contents: readonly BlobContent[]): Promise<void> {
  const path = `${side.namespace}/${repository}`;
  const connection = await HttpConnection.open(side.port, 64 * 1024);
  const headers = await side.headersFor(path);
  for (const content of contents) await pushBlob({ connection, headers, repository: path }, content);
  connection.close();
}

async function pushImage(side: Side, repository: string, image: BuiltImage): Promise<void> {
  const blobs = [Buffer.from(image.config.text), ...image.layers.map(({ bytes }) => bytes)];
  const digests = [image.config.digest, ...image.layers.map(({ digest }) => digest)];
  const contents = blobs.map((bytes, index) => ({
    digest: digests[index] ?? '',
    sizeBytes: bytes.length,
    parts: [bytes],
  }));
  await pushAll(side, repository, contents);
  const path = `${side.namespace}/${repository}`;
  const connection = await HttpConnection.open(side.port, 64 * 1024);
  const headers = `${await side.headersFor(path)}Content-Type: ${OCI_MANIFEST}\r\n`;
  const put = await connection.request('PUT', `/v2/${path}/manifests/${TAG}`, headers, [
    Buffer.from(image.body),
  ]);
  expectStatus(put, 201);
  connection.close();
}
