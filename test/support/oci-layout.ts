import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';

import { sha256 } from './registry-client';

/** An OCI layout made by hand: one tiny image for each name, as tags or as an index named `multi`. */
export async function writeLayout(path: string, names: string[], { asIndex = false } = {}): Promise<void> {
  mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    writeFileSync(join(path, 'blobs', 'sha256', sha256(bytes).slice(7)), bytes);
    return { mediaType, digest: sha256(bytes), size: bytes.length };
  };
  const entries = [];
  for (const name of names) {
    const tar = await tarOf(`hello from ${name}\n`);
    const layer = put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar));
    const architecture = asIndex ? name : 'amd64';
    const config = {
      architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: put('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify(config))),
      layers: [layer],
    };
    entries.push({
      ...put('application/vnd.oci.image.manifest.v1+json', Buffer.from(JSON.stringify(manifest))),
      ...(asIndex
        ? { platform: { architecture, os: 'linux' } }
        : { annotations: { 'org.opencontainers.image.ref.name': name } }),
    });
  }
  const type = 'application/vnd.oci.image.index.v1+json';
  const index = { schemaVersion: 2, mediaType: type, manifests: entries };
  const top = asIndex
    ? {
        schemaVersion: 2,
        manifests: [
          {
            ...put(type, Buffer.from(JSON.stringify(index))),
            annotations: { 'org.opencontainers.image.ref.name': 'multi' },
          },
        ],
      }
    : index;
  writeFileSync(join(path, 'index.json'), JSON.stringify(top));
  writeFileSync(join(path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}

/** An archive of one file, `hello.txt`. */
export async function tarOf(text: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'hello.txt', mtime: new Date(0) }, text);
  tar.finalize();
  return buffer(tar);
}

/** What a layout holds, in its order. */
export function layoutDigests(layout: string): string[] {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  return manifests.map(({ digest }) => digest);
}
