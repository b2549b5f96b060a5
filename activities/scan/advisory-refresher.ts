import type { ActDeps } from '../../commands/act';
import { noteFailure, replaceAdvisories } from '../../commands/scans/replace-advisories';
import { AdvisorySource } from '../../db/entities/scanning';
import { withNamedLock } from '../../db/named-lock';
import type { Logger } from '../../telemetry/logger';
import type { SourceFiles } from './advisory-folder';
import { fingerprintOf, listSources, stampOf } from './advisory-folder';
import { SourceWarnings, readAdvisories } from './read-advisories';

/** What became of a source that had changed. */
export interface SourceRefresh {
  source: string;
  outcome: 'loaded' | 'unchanged' | 'refused' | 'failed';
  /** Rows of the source that count now, when it was loaded. */
  advisoryCount?: number;
  reason?: string;
}

export interface RefresherDeps extends ActDeps {
  /** Undefined: there is no advisory data. */
  folder: string | undefined;
  logger: Logger;
}

const LOCK_WAIT_S = 60;

/**
 * Takes advisory data from a folder into the database. Looking whether anything changed costs one `stat` per file, so every
 * scan may ask; content is hashed when a file's time changed, and loaded when its hash did. A source whose files are gone
 * keeps its data, as one that cannot be read does: an unmounted folder must not make every image look clean.
 */
export class AdvisoryRefresher {
  /** By source: what its files looked like when they were last dealt with. */
  private readonly settled = new Map<string, string>();
  private running: Promise<SourceRefresh[]> | undefined;
  private next: Promise<SourceRefresh[]> | undefined;

  constructor(private readonly deps: RefresherDeps) {}

  /** Answers for the sources that had changed. Callers during a run share one more run after it, which sees all they saw. */
  refresh(): Promise<SourceRefresh[]> {
    if (!this.running) return this.start();
    this.next ??= this.startAfter(this.running);
    return this.next;
  }

  private start(): Promise<SourceRefresh[]> {
    this.running = this.run();
    return this.running;
  }

  private async startAfter(running: Promise<SourceRefresh[]>): Promise<SourceRefresh[]> {
    await Promise.allSettled([running]);
    this.next = undefined;
    return this.start();
  }

  private async run(): Promise<SourceRefresh[]> {
    try {
      const { folder } = this.deps;
      const refreshed: SourceRefresh[] = [];
      for (const source of folder === undefined ? [] : await listSources(folder)) {
        const stamp = stampOf(source);
        if (this.settled.get(source.name) === stamp) continue;
        refreshed.push(await this.refreshSource(source));
        this.settled.set(source.name, stamp);
      }
      return refreshed;
    } finally {
      this.running = undefined;
    }
  }

  private async refreshSource(source: SourceFiles): Promise<SourceRefresh> {
    const { dataSource, logger } = this.deps;
    const startedMs = Date.now();
    // One loader at a time; whoever waited finds the work done.
    const refresh = await withNamedLock(dataSource, 'advisories', LOCK_WAIT_S, () => this.load(source));
    const fields = { ...refresh, tookMs: Date.now() - startedMs };
    if (refresh.outcome === 'loaded') logger.info(fields, 'advisories were loaded');
    if (refresh.outcome === 'refused' || refresh.outcome === 'failed') {
      logger.warn(fields, 'advisories could not be taken; those of before are still used');
    }
    return refresh;
  }

  private async load(files: SourceFiles): Promise<SourceRefresh> {
    const { name } = files;
    const warnings = new SourceWarnings();
    const reading = new ReadingFailure();
    try {
      const fingerprint = await reading.note(fingerprintOf(files));
      const known = await this.deps.dataSource.manager.findOneBy(AdvisorySource, { name });
      if (known?.fingerprint === fingerprint) return { source: name, outcome: 'unchanged' };
      const replaced = await replaceAdvisories(this.deps, {
        name,
        fingerprint,
        advisories: reading.noteAll(readAdvisories(files, warnings)),
        warnings: () => warnings.list(),
      });
      return { source: name, ...replaced };
    } catch (error) {
      if (!reading.hasFailed) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      await noteFailure(this.deps, name, reason);
      return { source: name, outcome: 'failed', reason };
    }
  }
}

/** Tells a failure of the files, which stays until they change, from one of the database, which is worth another try. */
class ReadingFailure {
  hasFailed = false;

  async note<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
  }

  async *noteAll<T>(reading: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* reading;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
  }
}
