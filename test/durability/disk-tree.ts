import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

import type { Entry } from './disk-model';
import { DiskModel, ModelFile, ModelFolder } from './disk-model';

/** A model of the disk below a folder, by path; what the folder holds already counts as synced. */
export class DiskTree {
  readonly model = new DiskModel();

  constructor(private readonly root: string) {
    load(root, this.model.root);
  }

  isInside(path: unknown): path is string {
    return typeof path === 'string' && `${path}${sep}`.startsWith(this.root + sep);
  }

  find(path: string): Entry | undefined {
    if (path === this.root) return this.model.root;
    let entry: Entry | undefined = this.model.root;
    for (const name of relative(this.root, path).split(sep)) {
      entry = entry instanceof ModelFolder ? entry.entries.get(name) : undefined;
    }
    return entry;
  }

  fileAt(path: string): ModelFile {
    const entry = this.find(path);
    if (entry instanceof ModelFile) return entry;
    throw new Error(`no file was recorded at ${path}`);
  }

  /** The folder, which is made with those above it where it is not there. */
  folderAt(path: string): ModelFolder {
    const known = this.find(path);
    if (known instanceof ModelFolder) return known;
    const folder = new ModelFolder();
    this.model.change([{ folder: this.folderAt(dirname(path)), name: basename(path), entry: folder }]);
    return folder;
  }

  /** A file with this content; one that is there already keeps its place. */
  put(path: string, content: Buffer): ModelFile {
    const known = this.find(path);
    if (known instanceof ModelFile) {
      known.current = content;
      return known;
    }
    const file = new ModelFile(content);
    this.model.change([{ ...this.slotOf(path), entry: file }]);
    return file;
  }

  move(from: string, to: string): void {
    const entry = this.fileAt(from);
    this.model.change([
      { ...this.slotOf(from), entry: undefined },
      { ...this.slotOf(to), entry },
    ]);
  }

  remove(path: string): void {
    this.model.change([{ ...this.slotOf(path), entry: undefined }]);
  }

  /** Paths that are not on the disk as they are in the model. */
  differences(path = this.root, folder: ModelFolder = this.model.root): string[] {
    const names = new Set([...readdirSync(path), ...folder.entries.keys()]);
    return [...names].flatMap((name) => {
      const inside = join(path, name);
      const entry = folder.entries.get(name);
      const found = statSync(inside, { throwIfNoEntry: false });
      if (entry instanceof ModelFolder && found?.isDirectory()) return this.differences(inside, entry);
      const isSame =
        entry instanceof ModelFile && found?.isFile() && readFileSync(inside).equals(entry.current);
      return isSame ? [] : [inside];
    });
  }

  private slotOf(path: string): { folder: ModelFolder; name: string } {
    return { folder: this.folderAt(dirname(path)), name: basename(path) };
  }
}

function load(path: string, folder: ModelFolder): void {
  for (const name of readdirSync(path)) {
    const inside = join(path, name);
    const entry = statSync(inside).isDirectory() ? new ModelFolder() : new ModelFile(readFileSync(inside));
    if (entry instanceof ModelFolder) load(inside, entry);
    else entry.synced = entry.current;
    for (const entries of [folder.entries, folder.synced]) entries.set(name, entry);
  }
}
