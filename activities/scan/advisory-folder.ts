import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** The files that feed one source, of the layout of scanning spec 4.3. */
export interface SourceFiles {
  /** `osv/PyPI`, `debian/tracker`. */
  name: string;
  kind: 'osv' | 'debian-tracker';
  files: FoundFile[];
}

interface FoundFile {
  path: string;
  /** Within the folder, as the fingerprint names it. */
  name: string;
  sizeBytes: number;
  /** Changes with the file without its being read. */
  stamp: string;
}

/** Part of every fingerprint: a parser that reads the same files otherwise needs another one. */
const PARSER_VERSION = '1';
const OSV_FILE = /(\.json|\.ya?ml|(^|\/)all\.zip)$/;

/** What lies in the folder now; empty when there is no such folder. */
export async function listSources(folder: string): Promise<SourceFiles[]> {
  const sources: SourceFiles[] = [];
  for (const ecosystem of await foldersIn(join(folder, 'osv'))) {
    const files = await filesBelow(folder, join(folder, 'osv', ecosystem), (name) => OSV_FILE.test(name));
    if (files.length > 0) sources.push({ name: `osv/${ecosystem}`, kind: 'osv', files });
  }
  const tracker = await filesBelow(folder, join(folder, 'debian'), (name) => name === 'tracker.json');
  if (tracker.length > 0) sources.push({ name: 'debian/tracker', kind: 'debian-tracker', files: tracker });
  return sources;
}

/** Tells without reading the files whether any of them may have changed. */
export function stampOf({ files }: SourceFiles): string {
  return hash('sha256', JSON.stringify(files.map(({ name, stamp }) => [name, stamp])));
}

/** 64 hex digits that name the content of a source (scanning spec 4.3). */
export async function fingerprintOf({ files }: SourceFiles): Promise<string> {
  const parts: unknown[] = [PARSER_VERSION];
  for (const { path, name, sizeBytes } of files) {
    const digest = createHash('sha256');
    await pipeline(createReadStream(path), digest);
    parts.push([name, sizeBytes, digest.digest('hex')]);
  }
  return hash('sha256', JSON.stringify(parts));
}

/** Folders may be links to where the data really lies, such as a clone of an advisory database. */
async function foldersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await namesIn(folder)) {
    if ((await stat(join(folder, name))).isDirectory()) names.push(name);
  }
  return names.sort();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function filesBelow(
  root: string,
  folder: string,
  wants: (name: string) => boolean,
): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await entriesIn(next)) {
      if (entry.name.startsWith('.')) continue;
      const path = join(next, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (wants(relative(folder, path))) found.push(...(await inspect(root, path)));
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function entriesIn(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A file that went away since it was listed is simply not there. */
async function inspect(root: string, path: string): Promise<FoundFile[]> {
  try {
    const facts = await stat(path, { bigint: true });
    if (!facts.isFile()) return [];
    const stamp = [facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join(' ');
    return [{ path, name: relative(root, path), sizeBytes: Number(facts.size), stamp }];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ENOENT' || code === 'ENOTDIR';
}
