import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { Pack } from 'tar-stream';
import { pack } from 'tar-stream';

import { userError } from './build-failures';
import type { PreparedContext } from './contracts';
import type { IgnoreRules } from './dockerignore';
import { readIgnoreRules } from './dockerignore';
import { findInside } from './prepare-context';

const LARGEST_IGNORE_FILE_BYTES = 64 * 1024;

/**
 * The build context as the engine takes it. `.dockerignore` (or `<Dockerfile>.dockerignore`) decides what is left out;
 * the Dockerfile itself always goes, as a plain file. Symlinks go as links: what they point at is looked up inside
 * the context by the engine. Destroying the stream stops the walk.
 */
export async function packContext(source: string, { context, dockerfile }: PreparedContext): Promise<Pack> {
  const root = await findInside(source, context, 'the context');
  const file = await findInside(source, join(context, dockerfile), 'the Dockerfile');
  const rules = await readRules(source, context, dockerfile);
  const tar = pack();
  const content = await readFile(file);
  void fill(tar, root, { dockerfile, content, rules });
  return tar;
}

interface Contents {
  dockerfile: string;
  content: Buffer;
  rules: IgnoreRules;
}

async function fill(tar: Pack, root: string, contents: Contents): Promise<void> {
  try {
    tar.entry({ name: contents.dockerfile, mode: 0o644 }, contents.content);
    await addFolder(tar, root, '', contents);
    tar.finalize();
  } catch (error) {
    tar.destroy(error as Error);
  }
}

async function addFolder(tar: Pack, root: string, folder: string, contents: Contents): Promise<void> {
  for (const name of (await readdir(join(root, folder))).sort()) {
    if (tar.destroyed) return;
    const path = folder === '' ? name : `${folder}/${name}`;
    const facts = await lstat(join(root, path));
    const isIgnored = contents.rules.isIgnored(path);
    const header = { name: path, mode: facts.mode & 0o7777, mtime: facts.mtime };
    if (facts.isDirectory()) {
      if (!isIgnored) tar.entry({ ...header, type: 'directory' });
      if (!isIgnored || contents.rules.hasExceptions) await addFolder(tar, root, path, contents);
    } else if (isIgnored || path === contents.dockerfile) {
      continue;
    } else if (facts.isSymbolicLink()) {
      tar.entry({ ...header, type: 'symlink', linkname: await readlink(join(root, path)) });
    } else if (facts.isFile()) {
      const entry = tar.entry({ ...header, size: facts.size });
      await pipeline(createReadStream(join(root, path)), entry);
    }
  }
}

async function readRules(source: string, context: string, dockerfile: string): Promise<IgnoreRules> {
  for (const name of [`${dockerfile}.dockerignore`, '.dockerignore']) {
    const text = await readOptional(source, join(context, name));
    if (text !== undefined) return readIgnoreRules(text, name);
  }
  return readIgnoreRules('', '.dockerignore');
}

async function readOptional(source: string, path: string): Promise<string | undefined> {
  try {
    await lstat(join(source, path));
  } catch {
    // There is none, which is the usual case.
    return undefined;
  }
  const file = await findInside(source, path, `"${path}"`);
  const facts = await stat(file);
  if (!facts.isFile()) return undefined;
  if (facts.size > LARGEST_IGNORE_FILE_BYTES) {
    throw userError('dockerfileissue', `"${path}" is larger than ${LARGEST_IGNORE_FILE_BYTES} bytes`);
  }
  return readFile(file, 'utf8');
}
