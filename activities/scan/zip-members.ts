import { buffer } from 'node:stream/consumers';

import type { Entry, ZipFile } from 'yauzl';
import { openPromise } from 'yauzl';

export type ZipMember = { name: string } & ({ content: Buffer } | { problem: string });

/**
 * The wanted files of a zip, one at a time; one that cannot be unpacked, or is larger than `largestBytes`, is named with
 * its problem. Throws when the zip itself cannot be read.
 */
export async function* zipMembers(
  path: string,
  { wants, largestBytes }: { wants: (name: string) => boolean; largestBytes: number },
): AsyncGenerator<ZipMember> {
  const zip = await openPromise(path, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (!wants(entry.fileName)) continue;
      yield await readMember(zip, entry, largestBytes);
    }
  } finally {
    zip.close();
  }
}

async function readMember(zip: ZipFile, entry: Entry, largestBytes: number): Promise<ZipMember> {
  const { fileName: name, uncompressedSize } = entry;
  // The size that the zip states is enforced while unpacking.
  if (uncompressedSize > largestBytes) {
    return { name, problem: `it has ${uncompressedSize} bytes, more than ${largestBytes}` };
  }
  try {
    return { name, content: await buffer(await zip.openReadStreamPromise(entry)) };
  } catch (error) {
    return { name, problem: error instanceof Error ? error.message : String(error) };
  }
}
