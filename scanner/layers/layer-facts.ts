import type { Indexer } from './indexer';
import { ancestorPaths } from './layer-path';

/** The facts of one layer so far, by indexer and path; an entry that takes a path's place forgets what was there. */
export class LayerFacts {
  private readonly byIndexer = new Map<Indexer, Map<string, unknown>>();
  /** Folders above a fact, so that most entries are known at once to replace nothing. */
  private readonly folders = new Set<string>();

  of(indexer: Indexer): Map<string, unknown> {
    let facts = this.byIndexer.get(indexer);
    if (!facts) {
      facts = new Map<string, unknown>();
      this.byIndexer.set(indexer, facts);
    }
    return facts;
  }

  set(indexer: Indexer, path: string, fact: unknown): void {
    this.of(indexer).set(path, fact);
    for (const folder of ancestorPaths(path)) this.folders.add(folder);
  }

  forget(path: string): void {
    for (const facts of this.byIndexer.values()) facts.delete(path);
  }

  /** Forgets all below a path that has become something else than a folder. */
  forgetBelow(path: string): void {
    if (!this.folders.delete(path)) return;
    for (const facts of this.byIndexer.values()) {
      for (const known of facts.keys()) {
        if (known.startsWith(`${path}/`)) facts.delete(known);
      }
    }
  }
}
