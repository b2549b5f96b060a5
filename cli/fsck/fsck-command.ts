import type { DataSource } from 'typeorm';

import type { Config } from '../../config/schema';
import { pendingMigrations } from '../../db/migrate';
import { contentTotals } from '../../db/stores/integrity';
import { parseDurationMs } from '../../model/durations';
import { createStorageToRead } from '../../storage/create-storage';
import type { Storage } from '../../storage/driver';
import type { Command, CommandInput } from '../command';
import { CommandError, print, textOption, UsageError } from '../command';
import { reasonOf, withDatabase } from '../database';
import { describeOutcome, describeProgress } from './describe-counts';
import type { Finding } from './findings';
import { describeFinding } from './findings';
import { findingsIn, fsck } from './fsck';
import { startProgressLine } from './progress-line';
import type { FsckCounts } from './run';
import { noCounts } from './run';

const PAGE_SIZE = 500;
const SETTLE_MS = 5_000;
const MIN_AGE = '1h';

export const fsckCommand: Command = {
  words: ['fsck'],
  positionals: [],
  summary:
    'follow every tag to its manifest, blobs and files, and report what is missing, corrupt or orphaned; changes nothing, may run beside the product; exit code 1 if there is anything',
  options: {
    deep: { type: 'boolean', help: 'also read every blob and compare it with its digest' },
    'min-age': {
      type: 'string',
      value: '<duration>',
      help: `a file that changed within it is no orphan, as it may be of work under way; 30s, 1h, 2d …; ${MIN_AGE} by default`,
    },
    json: {
      type: 'boolean',
      help: 'print one JSON object a line for scripts: each finding, the summary last',
    },
  },
  run(input, config) {
    const minAgeMs = minAgeOf(input);
    return withDatabase(config, async (dataSource) => {
      const pending = await pendingMigrations(dataSource);
      if (pending.length > 0) throw new CommandError('the schema is not current; run "migrate"');
      const storage = await openStorage(config);
      const { deep, json } = input.options;
      return report({ dataSource, storage, minAgeMs, isDeep: deep === true, isJson: json === true });
    });
  },
};

interface Wish {
  dataSource: DataSource;
  storage: Storage;
  minAgeMs: number;
  isDeep: boolean;
  isJson: boolean;
}

async function report({ isJson, ...wish }: Wish): Promise<number> {
  const { isDeep } = wish;
  const counts = noCounts();
  const totals = await contentTotals(wish.dataSource.manager);
  const progress = startProgressLine(process.stderr, () => describeProgress(counts, totals, isDeep));
  const tell = (finding: Finding) => {
    progress.clear();
    print(isJson ? JSON.stringify({ type: 'finding', ...finding }) : describeFinding(finding));
  };
  const options = { ...wish, now: Date.now, settleMs: SETTLE_MS, pageSize: PAGE_SIZE, report: tell };
  try {
    await fsck(options, counts);
  } finally {
    progress.stop();
  }
  for (const line of summaryOf(counts, { isDeep, isJson })) print(line);
  return findingsIn(counts) === 0 ? 0 : 1;
}

function summaryOf(counts: FsckCounts, how: { isDeep: boolean; isJson: boolean }): string[] {
  if (!how.isJson) return describeOutcome(counts, how.isDeep);
  const isClean = findingsIn(counts) === 0;
  return [JSON.stringify({ type: 'summary', isClean, isDeep: how.isDeep, ...counts })];
}

function minAgeOf(input: CommandInput): number {
  const text = textOption(input, 'min-age') ?? MIN_AGE;
  const minAgeMs = parseDurationMs(text);
  if (minAgeMs === undefined) throw new UsageError(`"${text}" is no duration such as 30s or 1h`);
  return minAgeMs;
}

async function openStorage(config: Config): Promise<Storage> {
  try {
    return await createStorageToRead(config);
  } catch (cause) {
    throw new CommandError(`storage cannot be used: ${reasonOf(cause)}`, { cause });
  }
}
