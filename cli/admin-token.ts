import { SCOPES } from '../auth/identity';
import { parseScopes } from '../auth/scopes';
import { SYSTEM } from '../commands/act';
import { createOauthToken } from '../commands/accounts/create-oauth-token';
import { parseDurationMs } from '../model/durations';
import { requireUser } from './admin-user';
import type { Command } from './command';
import { positional, print, textOption, UsageError } from './command';
import { withDatabase } from './database';

const DEFAULT_EXPIRY = '30d';

export const tokenCommand: Command = {
  words: ['admin', 'token'],
  positionals: ['user'],
  summary: 'make a bearer token for the REST API and print it',
  options: {
    scopes: {
      type: 'string',
      value: '<list>',
      help: `separated by blanks or commas; all by default: ${SCOPES.join(' ')}`,
    },
    expires: {
      type: 'string',
      value: '<duration>',
      help: `30m, 12h, 30d, 1y …; ${DEFAULT_EXPIRY} by default`,
    },
    title: { type: 'string', value: '<text>', help: 'what to tell it from others by' },
  },
  async run(input, config) {
    const listed = textOption(input, 'scopes');
    const scopes = listed === undefined ? SCOPES : parseScopes(listed);
    if (!scopes) {
      throw new UsageError(`"${listed ?? ''}" is no list of scopes; there are ${SCOPES.join(', ')}`);
    }
    const expires = textOption(input, 'expires') ?? DEFAULT_EXPIRY;
    const lifetimeMs = parseDurationMs(expires);
    if (lifetimeMs === undefined) throw new UsageError(`"${expires}" is no duration such as 12h or 30d`);
    const title = textOption(input, 'title') ?? 'slipway admin token';
    return withDatabase(config, async (dataSource) => {
      const { id } = await requireUser(dataSource, positional(input, 0));
      const deps = { dataSource, now: Date.now };
      const created = await createOauthToken(deps, SYSTEM, { accountId: id, title, scopes, lifetimeMs });
      print(created.token);
      return 0;
    });
  },
};
