import { constants, mkdirSync, promises, readFileSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { Random } from '../support/random';
import type { Entry, Loss, Tree } from './disk-model';
import { ModelFile } from './disk-model';
import { DiskTree } from './disk-tree';
import { recordHandle, unmodelled } from './recorded-handle';

/** Calls that change a disk in a way that is not modelled: storage must not use them unnoticed. */
const UNKNOWN_CALLS = ['appendFile', 'cp', 'link', 'rm', 'rmdir', 'symlink', 'writeFile'] as const;

type Calls = Pick<typeof promises, 'open' | 'rename' | 'unlink' | 'mkdir' | 'copyFile' | 'truncate'>;

export interface RecordedDiskOptions {
  /** Calls below it are recorded; what it holds already counts as synced. */
  root: string;
  /** Syncs do nothing: a disk that lies, or a driver that forgets them. */
  ignore?: 'files' | 'folders' | undefined;
  /** Power goes at the n-th change or sync, counted from 1; never when absent. */
  cutAt?: number | undefined;
  onCut?: () => void;
}

/**
 * Stands between `node:fs/promises` and whoever calls it in this process, and knows at each moment what the disk below `root`
 * would have after a power cut. Once the power is off, no call returns.
 */
export class RecordedDisk {
  private calls = 0;
  private isOff = false;
  private tail: Promise<unknown> = Promise.resolve();
  private readonly tree: DiskTree;
  private readonly real = { ...promises };
  private readonly replaced: readonly string[];
  private readonly handles = new Set<FileHandle>();

  constructor(private readonly options: RecordedDiskOptions) {
    this.tree = new DiskTree(options.root);
    const calls = { ...this.guardedCalls(), ...this.recordedCalls() };
    this.replaced = Object.keys(calls);
    Object.assign(promises, calls);
  }

  /** Power goes once the change under way has ended. */
  cut(): void {
    this.tail = this.tail.then(() => this.powerOff());
  }

  /** Writes what is left after the cut into a folder that is not there yet. */
  rebuild(target: string, random: Random, loss: Loss): void {
    const escaped = this.tree.differences();
    if (escaped.length > 0) throw new Error(`changes that were not recorded: ${escaped.join(', ')}`);
    writeTree(target, this.tree.model.cut(random, loss));
  }

  /** Gives the calls back to Node, and closes what those who wait for ever have open. */
  async release(): Promise<void> {
    const { real } = this;
    for (const name of this.replaced) Object.assign(promises, { [name]: real[name as keyof typeof real] });
    await Promise.all([...this.handles].map((handle) => handle.close()));
  }

  private guardedCalls(): Record<string, (...args: unknown[]) => unknown> {
    const guarded = UNKNOWN_CALLS.map((name) => {
      const real = this.real[name] as (...args: unknown[]) => unknown;
      const call = (...args: unknown[]) => {
        if (args.some((arg) => this.tree.isInside(arg))) throw unmodelled(name);
        return real(...args);
      };
      return [name, call] as const;
    });
    return Object.fromEntries(guarded);
  }

  private recordedCalls(): Calls {
    const { real, tree } = this;
    /** Does what Node does, and the same to the model, where the path is one of ours. */
    const recorded = <T>(path: unknown, work: () => Promise<T>, change: (path: string) => void) => {
      if (!tree.isInside(path)) return work();
      return this.exclusively(async () => {
        const result = await work();
        change(path);
        return result;
      });
    };
    const open: Calls['open'] = (path, flags, mode) =>
      this.open(() => real.open(path, flags, mode), path, flags);
    const rename: Calls['rename'] = (from, to) =>
      recorded(
        from,
        () => real.rename(from, to),
        (path) => tree.move(path, String(to)),
      );
    const unlink: Calls['unlink'] = (path) =>
      recorded(
        path,
        () => real.unlink(path),
        (inside) => tree.remove(inside),
      );
    const mkdir = ((path, options) =>
      recorded(
        path,
        () => real.mkdir(path, options),
        (inside) => void tree.folderAt(inside),
      )) as Calls['mkdir'];
    const copyFile: Calls['copyFile'] = (from, to, mode) =>
      recorded(
        to,
        () => real.copyFile(from, to, mode),
        (path) => void tree.put(path, readFileSync(path)),
      );
    const truncate: Calls['truncate'] = (path, length = 0) =>
      recorded(
        path,
        () => real.truncate(path, length),
        (inside) => tree.fileAt(inside).resize(length),
      );
    return { open, rename, unlink, mkdir, copyFile, truncate };
  }

  private async open(
    realOpen: () => Promise<FileHandle>,
    path: unknown,
    flags: string | number | undefined,
  ): Promise<FileHandle> {
    if (!this.tree.isInside(path)) return realOpen();
    const entry = this.tree.find(path);
    if (entry && !truncates(flags)) return this.record(await realOpen(), entry);
    if (!creates(flags)) return realOpen();
    return this.exclusively(async () => {
      const handle = await realOpen();
      // Another call may have made it meanwhile.
      const known = truncates(flags) ? undefined : this.tree.find(path);
      return this.record(handle, known ?? this.tree.put(path, Buffer.alloc(0)));
    });
  }

  private record(handle: FileHandle, entry: Entry): FileHandle {
    this.handles.add(handle);
    return recordHandle(handle, entry, {
      exclusively: (work) => this.exclusively(work),
      beginSync: (synced) => {
        const isIgnored = this.options.ignore === (synced instanceof ModelFile ? 'files' : 'folders');
        return isIgnored ? () => undefined : this.tree.model.beginSync(synced);
      },
      onClose: () => this.handles.delete(handle),
    });
  }

  /** One change at a time, so that the model has their true order; none from the cut on. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(async () => {
      this.calls += 1;
      if (this.calls === this.options.cutAt) this.powerOff();
      if (this.isOff) return new Promise<never>(() => undefined);
      return work();
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  private powerOff(): void {
    if (this.isOff) return;
    this.isOff = true;
    this.options.onCut?.();
  }
}

function creates(flags: string | number | undefined): boolean {
  return typeof flags === 'number' ? (flags & constants.O_CREAT) !== 0 : /^[wa]/.test(flags ?? 'r');
}

function truncates(flags: string | number | undefined): boolean {
  return typeof flags === 'number' ? (flags & constants.O_TRUNC) !== 0 : /^w/.test(flags ?? 'r');
}

function writeTree(path: string, tree: Tree): void {
  mkdirSync(path);
  for (const [name, inside] of tree) {
    if (Buffer.isBuffer(inside)) writeFileSync(join(path, name), inside);
    else writeTree(join(path, name), inside);
  }
}
