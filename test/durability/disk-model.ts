import type { Random } from '../support/random';

/** A file: what readers see, and what the disk is sure to have. */
export class ModelFile {
  synced: Buffer = Buffer.alloc(0);

  constructor(public current: Buffer = Buffer.alloc(0)) {}

  write(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (end > this.current.length) this.resize(end);
    // What a sync has covered is a view of the same memory.
    this.current = Buffer.from(this.current);
    bytes.copy(this.current, position);
  }

  resize(length: number): void {
    const resized = Buffer.alloc(length);
    this.current.copy(resized);
    this.current = resized;
  }
}

/** A folder: what readers see, and the names that the disk is sure to have. */
export class ModelFolder {
  readonly entries = new Map<string, Entry>();
  readonly synced = new Map<string, Entry>();
}

export type Entry = ModelFile | ModelFolder;

interface Slot {
  folder: ModelFolder;
  name: string;
  /** Undefined takes the name away. */
  entry: Entry | undefined;
}

/** Names that change together, as those of a rename do, or not at all. */
type Change = readonly Slot[];

/** What a power cut does to that which nobody has synced. */
export const LOSSES = ['all', 'latest', 'some'] as const;
export type Loss = (typeof LOSSES)[number];

export type Tree = Map<string, Tree | Buffer>;

const BLOCK_BYTES = 4096;
const EMPTY = Buffer.alloc(0);

/**
 * A file system as POSIX describes it to one who reads it closely: the bytes of a file are sure after `fdatasync`, a name after
 * `fsync` of the folder that holds it, and a folder is a name in the one above. Everything else a power cut may take or leave.
 */
export class DiskModel {
  readonly root = new ModelFolder();
  private pending: Change[] = [];

  change(slots: Change): void {
    for (const slot of slots) assign(slot.folder.entries, slot);
    this.pending.push(slots);
  }

  /** What a sync that begins now will cover; the answer makes it so, once the sync has ended. */
  beginSync(entry: Entry): () => void {
    if (entry instanceof ModelFile) {
      const covered = entry.current;
      return () => void (entry.synced = covered);
    }
    const covered = withPredecessors(this.pending, (slot) => slot.folder === entry);
    return () => this.settle(covered);
  }

  /** What is found when there is power again. */
  cut(random: Random, loss: Loss): Tree {
    this.settle(this.survivors(random, loss));
    const contents = new Map<ModelFile, Buffer>();
    const treeOf = ({ synced }: ModelFolder): Tree => {
      const tree: Tree = new Map();
      for (const [name, entry] of synced) {
        if (entry instanceof ModelFolder) tree.set(name, treeOf(entry));
        else {
          const bytes = contents.get(entry) ?? contentAfter(entry, random, loss);
          contents.set(entry, bytes);
          tree.set(name, bytes);
        }
      }
      return tree;
    };
    return treeOf(this.root);
  }

  private survivors(random: Random, loss: Loss): Change[] {
    switch (loss) {
      case 'all':
        return [];
      // As a journal loses them.
      case 'latest':
        return this.pending.slice(0, random.between(0, this.pending.length));
      case 'some':
        return this.pending.filter(() => random.next() < 0.5);
      default:
        return loss satisfies never;
    }
  }

  /** A change that lasts brings those along that gave its names their former meaning. */
  private settle(chosen: readonly Change[]): void {
    const lasting = new Set(chosen);
    const all = withPredecessors(this.pending, (_slot, change) => lasting.has(change));
    for (const change of all) for (const slot of change) assign(slot.folder.synced, slot);
    const settled = new Set(all);
    this.pending = this.pending.filter((change) => !settled.has(change));
  }
}

function assign(entries: Map<string, Entry>, { name, entry }: Slot): void {
  if (entry) entries.set(name, entry);
  else entries.delete(name);
}

function withPredecessors(
  pending: readonly Change[],
  isChosen: (slot: Slot, change: Change) => boolean,
): Change[] {
  const needed: Change[] = [];
  for (const change of pending.toReversed()) {
    const isNeeded = change.some(
      (slot) => isChosen(slot, change) || needed.some((later) => later.some((other) => isSame(slot, other))),
    );
    if (isNeeded) needed.push(change);
  }
  return needed.reverse();
}

function isSame(one: Slot, other: Slot): boolean {
  return one.folder === other.folder && one.name === other.name;
}

/** Blocks that nobody synced are old, new, or empty; the length is that of before or after. */
function contentAfter({ synced, current }: ModelFile, random: Random, loss: Loss): Buffer {
  if (loss === 'all' || synced === current) return synced;
  const bytes = Buffer.alloc(random.pick([synced, current]).length);
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const source = random.pick([synced, current, EMPTY]);
    const old = synced.subarray(at, at + BLOCK_BYTES);
    const isUnchanged = old.length > 0 && old.equals(current.subarray(at, at + BLOCK_BYTES));
    const block = isUnchanged ? old : source.subarray(at, at + BLOCK_BYTES);
    block.copy(bytes, at);
  }
  return bytes;
}
