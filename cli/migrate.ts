import { migrate } from '../db/migrate';
import type { Command } from './command';
import { print } from './command';
import { withDatabase } from './database';

export const migrateCommand: Command = {
  words: ['migrate'],
  positionals: [],
  summary: 'bring the database schema up to date; safe to repeat, and to run from several processes at once',
  options: {},
  async run(_input, config) {
    const ran = await withDatabase(config, migrate);
    print(ran.length > 0 ? `migrated: ${ran.join(', ')}` : 'the schema is up to date');
    return 0;
  },
};
