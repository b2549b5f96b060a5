import { randomUUID } from 'node:crypto';

import { AdvisorySource } from '../../db/entities/scanning';
import type { NewAdvisory } from '../../db/stores/scanning';
import { deleteOtherOperations, insertAdvisories } from '../../db/stores/scanning';
import type { ActDeps } from '../act';
import { SYSTEM, runAct } from '../act';

export interface AdvisoryContent {
  /** Names the source for ever: `osv/PyPI`, `debian/tracker`. */
  name: string;
  fingerprint: string;
  /** Read once; when reading throws, the data of before stays. */
  advisories: AsyncIterable<NewAdvisory>;
  /** Asked after the last advisory: what was passed over, in words. */
  warnings: () => string[];
}

export type Replacement =
  | { outcome: 'loaded'; advisoryCount: number }
  /** The data of before stays. */
  | { outcome: 'refused'; reason: string };

const ROWS_AT_ONCE = 1000;
/** Bytes of one statement; the databases' packet limit is 16 MiB and more. */
const BYTES_AT_ONCE = 4 * 1024 ** 2;
/** A source of this many that loses more than half was cut off on its way, and not that much withdrawn (scanning spec 4.2). */
const GUARDED_FROM = 20;
const NO_OPERATION = '00000000-0000-0000-0000-000000000000';

/**
 * Makes new content of a source the current one: its rows go in unseen, then one update shows all of them at once, then the
 * old ones are cleared away. One caller per source at a time; what a killed one left is cleared by the next.
 */
export async function replaceAdvisories(deps: ActDeps, content: AdvisoryContent): Promise<Replacement> {
  const source = await findOrAddSource(deps, content.name);
  await clearOtherOperations(deps, source);
  const target = { sourceId: source.id, operation: randomUUID() };
  const advisoryCount = await insertInBatches(deps, target, content.advisories);
  if (source.advisoryCount >= GUARDED_FROM && advisoryCount < source.advisoryCount / 2) {
    const reason = `only ${advisoryCount} of the ${source.advisoryCount} advisories of before are left in it`;
    await noteFailure(deps, content.name, reason);
    await clearOtherOperations(deps, source);
    return { outcome: 'refused', reason };
  }
  await runAct(deps, SYSTEM, async ({ manager, nowMs }) => {
    await manager.update(AdvisorySource, source.id, {
      operation: target.operation,
      fingerprint: content.fingerprint,
      advisoryCount,
      warnings: content.warnings(),
      lastError: null,
      updatedAtMs: nowMs,
    });
  });
  await clearOtherOperations(deps, { id: source.id, operation: target.operation });
  return { outcome: 'loaded', advisoryCount };
}

/** Says on a source that its newest content cannot be taken. */
export async function noteFailure(deps: ActDeps, name: string, reason: string): Promise<void> {
  const { id } = await findOrAddSource(deps, name);
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(AdvisorySource, id, { lastError: reason });
  });
}

async function findOrAddSource(deps: ActDeps, name: string): Promise<AdvisorySource> {
  return runAct(deps, SYSTEM, async ({ manager, nowMs }) => {
    const known = await manager.findOneBy(AdvisorySource, { name });
    if (known) return known;
    await manager.insert(AdvisorySource, {
      ...{
        name,
        fingerprint: '',
        operation: NO_OPERATION,
        advisoryCount: 0,
        warnings: [],
        updatedAtMs: nowMs,
      },
    });
    return manager.findOneByOrFail(AdvisorySource, { name });
  });
}

async function insertInBatches(
  deps: ActDeps,
  target: { sourceId: number; operation: string },
  advisories: AsyncIterable<NewAdvisory>,
): Promise<number> {
  let count = 0;
  let batch: NewAdvisory[] = [];
  let batchBytes = 0;
  const flush = async () => {
    const rows = batch;
    await runAct(deps, SYSTEM, ({ manager }) => insertAdvisories(manager, target, rows));
    count += rows.length;
    batch = [];
    batchBytes = 0;
  };
  for await (const advisory of advisories) {
    const bytes = JSON.stringify(advisory).length;
    if (batch.length >= ROWS_AT_ONCE || batchBytes + bytes > BYTES_AT_ONCE) await flush();
    batch.push(advisory);
    batchBytes += bytes;
  }
  await flush();
  return count;
}

async function clearOtherOperations(
  deps: ActDeps,
  { id: sourceId, operation }: Pick<AdvisorySource, 'id' | 'operation'>,
): Promise<void> {
  const { manager } = deps.dataSource;
  const limit = ROWS_AT_ONCE;
  while ((await deleteOtherOperations(manager, { sourceId, operation, limit })) === limit);
}
