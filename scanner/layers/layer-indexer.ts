import { INDEXERS } from '../indexers';
import type { Indexer, LayerFile } from './indexer';
import { LayerFacts } from './layer-facts';
import { ancestorPaths, baseName, joinPath, normalizeLayerPath, parentPath } from './layer-path';
import type { LayerFindings, LayerResult } from './layer-result';
import { packPathDigests, pathDigest } from './path-set';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
const MAX_LINK_HOPS = 16;
const MAX_KNOWN_FOLDERS = 10_000;
const MAX_WARNINGS = 200;
const MAX_WARNING_LENGTH = 500;

/** One tar entry. `read` is called at most once, only for a file that an indexer wants, before `add` resolves. */
export interface LayerEntry {
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Target of a link as the archive writes it. */
  linkName?: string;
  sizeBytes: number;
  mode?: number;
  read: () => Promise<Buffer>;
}

export interface LayerLimits {
  /** Wanted files above it are left out with a warning. Default 128 MiB. */
  maxFileBytes: number;
  /** More entries than this end the layer with a `LayerLimitError`. Default 2,000,000. */
  maxEntries: number;
}

const DEFAULT_LIMITS: LayerLimits = { maxFileBytes: 128 * 1024 * 1024, maxEntries: 2_000_000 };

/** The layer is beyond a cap; reading it again gives the same answer. */
export class LayerLimitError extends Error {
  override name = 'LayerLimitError';
}

/**
 * Reads one layer in one pass: `add` every tar entry in order, then `finish`. Holds facts and path digests, never the
 * content of a file beyond its own `add` (scanning spec 2.1, 2.6).
 */
export class LayerIndexer {
  private readonly limits: LayerLimits;
  private readonly facts = new LayerFacts();
  private readonly symlinks = new Map<string, string>();
  private readonly whiteouts = new Set<string>();
  private readonly opaque = new Set<string>();
  private readonly directories = new Set<string>();
  private readonly occupied = new Set<number>();
  private readonly warnings: string[] = [];
  private droppedWarnings = 0;
  private entryCount = 0;
  /** Folders that are known to be ones, so that most entries need not look at what is above them. */
  private readonly knownFolders = new Set<string>();

  constructor(
    limits: Partial<LayerLimits> = {},
    private readonly indexers: readonly Indexer[] = INDEXERS,
  ) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  async add(entry: LayerEntry): Promise<void> {
    this.entryCount += 1;
    if (this.entryCount > this.limits.maxEntries) {
      throw new LayerLimitError(`layer has more than ${this.limits.maxEntries} entries`);
    }
    const path = normalizeLayerPath(entry.path);
    if (baseName(path).startsWith(WHITEOUT_PREFIX)) return this.addWhiteout(path);
    if (path === '') return;
    this.openFolders(path);
    if (entry.type === 'directory') return this.addDirectory(path, entry);
    this.occupy(path);
    const wanting = this.indexers.filter((indexer) =>
      indexer.wants({ path, sizeBytes: entry.sizeBytes, mode: entry.mode ?? 0 }),
    );
    if (wanting.length === 0) return;
    if (entry.type === 'file') await this.addFile(path, entry, wanting);
    else if (entry.type === 'hardlink') this.addHardLink(path, entry.linkName ?? '', wanting);
    else if (entry.type === 'symlink') this.addSymlink(path, entry.linkName ?? '');
  }

  finish(): LayerResult {
    this.followSymlinks();
    const findings: LayerFindings = { databases: [], packageFiles: [], ownership: [], distributions: [] };
    for (const indexer of this.indexers) {
      const found = indexer.collect(this.facts.of(indexer), this.warn);
      findings.databases.push(...(found.databases ?? []));
      findings.packageFiles.push(...(found.packageFiles ?? []));
      findings.ownership.push(...(found.ownership ?? []));
      findings.distributions.push(...(found.distributions ?? []));
    }
    if (this.droppedWarnings > 0) this.warnings.push(`${this.droppedWarnings} more warnings`);
    return {
      ...findings,
      entryCount: this.entryCount,
      whiteouts: [...this.whiteouts].sort(),
      opaque: [...this.opaque].sort(),
      directories: [...this.directories].sort(),
      occupied: packPathDigests(this.occupied),
      warnings: this.warnings,
    };
  }

  private addWhiteout(path: string): void {
    const name = baseName(path);
    const folder = parentPath(path);
    if (name === OPAQUE_MARKER) this.opaque.add(folder);
    // Other names with the doubled prefix are aufs' own bookkeeping.
    else if (name.length > WHITEOUT_PREFIX.length && !name.startsWith('.wh..wh.')) {
      this.whiteouts.add(joinPath(folder, name.slice(WHITEOUT_PREFIX.length)));
    }
  }

  /** An entry makes folders of all above it, even of what was a file before in this layer. */
  private openFolders(path: string): void {
    if (this.knownFolders.has(parentPath(path))) return;
    if (this.knownFolders.size > MAX_KNOWN_FOLDERS) this.knownFolders.clear();
    for (const folder of ancestorPaths(path)) {
      this.vacate(folder);
      this.knownFolders.add(folder);
    }
  }

  private vacate(path: string): void {
    if (!this.occupied.delete(pathDigest(path))) return;
    this.facts.forget(path);
    this.symlinks.delete(path);
  }

  private addDirectory(path: string, entry: LayerEntry): void {
    this.vacate(path);
    const header = { path, sizeBytes: entry.sizeBytes, mode: entry.mode ?? 0 };
    if (this.indexers.some((indexer) => indexer.wants(header))) this.directories.add(path);
  }

  private occupy(path: string): void {
    this.facts.forget(path);
    this.facts.forgetBelow(path);
    this.symlinks.delete(path);
    this.directories.delete(path);
    this.occupied.add(pathDigest(path));
    if (this.knownFolders.has(path)) this.knownFolders.clear();
  }

  private async addFile(path: string, entry: LayerEntry, wanting: Indexer[]): Promise<void> {
    if (entry.sizeBytes > this.limits.maxFileBytes) {
      this.warn(
        `${path}: ${entry.sizeBytes} bytes are more than the ${this.limits.maxFileBytes} read of a file`,
      );
      return;
    }
    const content = await entry.read();
    const file: LayerFile = { path, sizeBytes: entry.sizeBytes, mode: entry.mode ?? 0, content };
    for (const indexer of wanting) {
      const fact = this.parse(indexer, file);
      if (fact !== undefined) this.facts.set(indexer, path, fact);
    }
  }

  private parse(indexer: Indexer, file: LayerFile): unknown {
    try {
      return indexer.parse(file, this.warn);
    } catch (error) {
      // Whatever a hostile file provokes, the rest of the layer is reported (7.5 #26).
      this.warn(
        `${file.path}: not readable by ${indexer.name}: ${error instanceof Error ? error.message : 'failed'}`,
      );
      return undefined;
    }
  }

  /** A hard link has the content that its target has at this point of the archive. */
  private addHardLink(path: string, linkName: string, wanting: Indexer[]): void {
    const target = normalizeLayerPath(linkName);
    let isRead = false;
    for (const indexer of wanting) {
      const fact = this.facts.of(indexer).get(target);
      if (fact === undefined) continue;
      this.facts.set(indexer, path, fact);
      isRead = true;
    }
    if (!isRead) this.warnOfUnreadTarget(path, target);
  }

  private addSymlink(path: string, linkName: string): void {
    const target = linkName.startsWith('/') ? linkName : joinPath(parentPath(path), linkName);
    this.symlinks.set(path, normalizeLayerPath(target));
  }

  private followSymlinks(): void {
    for (const path of this.symlinks.keys()) {
      const target = this.resolve(path);
      const isBelowFile = ancestorPaths(path).some((folder) => this.occupied.has(pathDigest(folder)));
      if (target === undefined || isBelowFile) continue;
      let isRead = false;
      for (const indexer of this.indexers) {
        const fact = this.facts.of(indexer).get(target);
        if (fact === undefined || !indexer.wants({ path, sizeBytes: 0, mode: 0 })) continue;
        this.facts.set(indexer, path, fact);
        isRead = true;
      }
      if (!isRead) this.warnOfUnreadTarget(path, target);
    }
  }

  private resolve(path: string): string | undefined {
    let current = path;
    for (let hop = 0; hop < MAX_LINK_HOPS; hop += 1) {
      const next = this.symlinks.get(current);
      if (next === undefined) return current;
      current = next;
    }
    return undefined;
  }

  /** A dangling link is simply absent; a link to a file that was not read is worth a word. */
  private warnOfUnreadTarget(path: string, target: string): void {
    if (this.occupied.has(pathDigest(target))) this.warn(`${path}: links to ${target}, which was not read`);
  }

  private readonly warn = (message: string): void => {
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(message.slice(0, MAX_WARNING_LENGTH));
    else this.droppedWarnings += 1;
  };
}
