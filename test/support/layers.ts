import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';

import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';

/** A file by its content, a folder, or a link by its target; in the order of the archive. */
export type LayerFiles = Record<string, string | Buffer | { dir: true } | { symlink: string }>;

export type LayerCompression = 'gzip' | 'zstd' | 'none';

export interface BuiltLayer {
  bytes: Buffer;
  digest: string;
  mediaType: string;
}

const compress = { gzip: promisify(gzip), zstd: promisify(zstdCompress), none: (bytes: Buffer) => bytes };
const SUFFIX = { gzip: '+gzip', zstd: '+zstd', none: '' };

/** A layer as a registry stores it, from what is in it. */
export async function buildLayer(
  files: LayerFiles,
  compression: LayerCompression = 'gzip',
): Promise<BuiltLayer> {
  const archive = pack();
  const packed = buffer(archive);
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'string' || Buffer.isBuffer(content)) archive.entry({ name }, content);
    else if ('dir' in content) archive.entry({ name, type: 'directory' });
    else archive.entry({ name, type: 'symlink', linkname: content.symlink });
  }
  archive.finalize();
  return layerOf(await compress[compression](await packed), compression);
}

/** Any bytes, stored as a layer. */
export function layerOf(bytes: Buffer, compression: LayerCompression = 'gzip'): BuiltLayer {
  return {
    bytes,
    digest: digestOf(bytes),
    mediaType: `application/vnd.oci.image.layer.v1.tar${SUFFIX[compression]}`,
  };
}

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
