import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { Config } from '../config/schema';
import { pendingMigrations } from '../db/migrate';
import { requireSecretKey } from '../db/secret-key';
import type { OutboxState } from '../db/stores/outbox';
import { outboxState } from '../db/stores/outbox';
import { createStorage } from '../storage/create-storage';
import { PROBE_OBJECTS } from '../storage/keys';
import type { Command } from './command';
import { print } from './command';
import { reasonOf, withDatabase } from './database';

interface CheckResult {
  name: 'database' | 'schema' | 'secrets' | 'storage' | 'outbox';
  isHealthy: boolean;
  /** One line for people. */
  detail: string;
}

interface Report {
  isHealthy: boolean;
  checks: CheckResult[];
  /** Absent where the database does not answer. */
  outbox?: { waiting: number; parked: number; oldestWaitingAgeMs: number | null };
}

/** A committed act that has waited longer than this for Temporal is worth a look. */
const LATE_MS = 60_000;

export const checkCommand: Command = {
  words: ['check'],
  positionals: [],
  summary:
    'tell whether database, schema, secret key, storage and outbox are as they should be; exit code 1 if one is not',
  options: {
    json: { type: 'boolean', help: 'print one JSON object for scripts' },
  },
  async run({ options }, config) {
    const report = await check(config);
    if (options.json) print(JSON.stringify(report));
    else {
      for (const { name, isHealthy, detail } of report.checks) {
        print(`${isHealthy ? 'ok  ' : 'BAD '} ${name}: ${detail}`);
      }
    }
    return report.isHealthy ? 0 : 1;
  },
};

async function check(config: Config): Promise<Report> {
  const [database, storage] = await Promise.all([checkDatabase(config), checkStorage(config)]);
  const checks = [...database.checks, storage];
  return { isHealthy: checks.every(({ isHealthy }) => isHealthy), checks, outbox: database.outbox };
}

async function checkDatabase(config: Config): Promise<Pick<Report, 'checks' | 'outbox'>> {
  try {
    return await withDatabase(config, async (dataSource) => {
      const database: CheckResult = { name: 'database', isHealthy: true, detail: 'answers' };
      const schema = await checkSchema(dataSource);
      if (!schema.isHealthy) return { checks: [database, schema] };
      const state = await outboxState(dataSource);
      const oldestWaitingAgeMs = state.oldestWaitingMs === null ? null : Date.now() - state.oldestWaitingMs;
      const outbox = { waiting: state.waiting, parked: state.parked, oldestWaitingAgeMs };
      const secrets = await checkSecrets(dataSource);
      return { checks: [database, schema, secrets, checkOutbox(state, oldestWaitingAgeMs)], outbox };
    });
  } catch (error) {
    return { checks: [{ name: 'database', isHealthy: false, detail: reasonOf(error) }] };
  }
}

async function checkSchema(dataSource: DataSource): Promise<CheckResult> {
  const pending = await pendingMigrations(dataSource);
  if (pending.length === 0) return { name: 'schema', isHealthy: true, detail: 'current' };
  return {
    name: 'schema',
    isHealthy: false,
    detail: `${pending.length} migration(s) have not run; run "migrate"`,
  };
}

async function checkSecrets(dataSource: DataSource): Promise<CheckResult> {
  try {
    await requireSecretKey(dataSource);
    return { name: 'secrets', isHealthy: true, detail: 'open with DATABASE_SECRET_KEY' };
  } catch (error) {
    return { name: 'secrets', isHealthy: false, detail: reasonOf(error) };
  }
}

function checkOutbox({ waiting, parked }: OutboxState, ageMs: number | null): CheckResult {
  const isLate = ageMs !== null && ageMs > LATE_MS;
  const oldest = ageMs === null ? '' : `, the oldest for ${Math.round(ageMs / 1000)} s`;
  const detail = `${waiting} waiting${oldest}; ${parked} parked after too many refusals`;
  return { name: 'outbox', isHealthy: !isLate && parked === 0, detail };
}

async function checkStorage(config: Config): Promise<CheckResult> {
  const key = `${PROBE_OBJECTS}${randomUUID()}`;
  try {
    const storage = await createStorage(config);
    await storage.putObject(key, Buffer.from('slipway'));
    await storage.deleteObject(key);
    return { name: 'storage', isHealthy: true, detail: 'can be written to' };
  } catch (error) {
    return { name: 'storage', isHealthy: false, detail: reasonOf(error) };
  }
}
