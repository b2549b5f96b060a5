import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import type { Pack } from 'tar-stream';
import { pack } from 'tar-stream';

import { sha256 } from './registry-client';

const LAYER_BYTES = 64 * 1024;

/** What `docker save` would write: an image of so many layers, each with a file of bytes that are nowhere else. */
export async function archiveOf(reference: string, layerCount = 1): Promise<Buffer> {
  const layers: { name: string; tar: Buffer }[] = [];
  for (let index = 0; index < layerCount; index += 1) {
    const layer = pack();
    layer.entry({ name: `file-${index}` }, randomBytes(LAYER_BYTES));
    layers.push({ name: `${index}/layer.tar`, tar: await finish(layer) });
  }
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => sha256(tar)) },
  });
  const archive = pack();
  archive.entry({ name: 'config.json' }, config);
  for (const { name, tar } of layers) archive.entry({ name }, tar);
  const names = layers.map(({ name }) => name);
  archive.entry(
    { name: 'manifest.json' },
    JSON.stringify([{ Config: 'config.json', RepoTags: [reference], Layers: names }]),
  );
  return finish(archive);
}

function finish(archive: Pack): Promise<Buffer> {
  archive.finalize();
  return buffer(archive);
}
