import type { DataSource } from 'typeorm';

import { SCOPES } from '../../auth/identity';
import { createOauthToken } from '../../commands/accounts/create-oauth-token';
import { SYSTEM } from '../../commands/act';
import type { Account } from '../../db/entities/accounts';
import { Repository } from '../../db/entities/repositories';
import { atEndOfRun } from './cleanup';
import { buildUser } from './factories';
import { startServeProcesses } from './serve-processes';

/** A `serve` of the built product, for clients that know nothing of it but its address. */
export interface ServedRegistry {
  /** `127.0.0.1:<port>`: its name in references. */
  host: string;
  dataSource: DataSource;
  /** A user with a password and a token for the REST API. */
  person(): Promise<RegistryPerson>;
}

export interface RegistryPerson {
  account: Account;
  name: string;
  password: string;
  /** The body of a call of the REST API that must succeed; `path` is below `/api/v1`. */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** The row of a repository of theirs: `<namespace>/<name>`. */
  repository(path: string): Promise<Repository>;
  /** Names of the tags of a repository, in order, as the REST API tells them. */
  tagsOf(repository: string): Promise<string[]>;
}

let shared: Promise<ServedRegistry> | undefined;

/** One for all tests of a run that work below names of their own. */
export function servedRegistry(): Promise<ServedRegistry> {
  shared ??= startShared();
  return shared;
}

async function startShared(): Promise<ServedRegistry> {
  const serve = await startServeProcesses(1);
  atEndOfRun(() => serve.dispose());
  const { host, dataSource } = serve;
  return { host, dataSource, person: () => makePerson(dataSource, `http://${host}`) };
}

async function makePerson(dataSource: DataSource, url: string): Promise<RegistryPerson> {
  const password = 'correct horse battery';
  const { account } = await buildUser(dataSource, { password });
  const wanted = { accountId: account.id, title: 'test', scopes: SCOPES, lifetimeMs: 3_600_000 };
  const { token } = await createOauthToken({ dataSource, now: Date.now }, SYSTEM, wanted);

  async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    // Tests know the shape they ask for.
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  return {
    account,
    name: account.name,
    password,
    api,
    repository: (path) =>
      dataSource.manager.findOneByOrFail(Repository, {
        namespaceId: account.id,
        name: path.slice(account.name.length + 1),
      }),
    async tagsOf(repository) {
      const { tags } = await api<{ tags: { name: string }[] }>(
        'GET',
        `/repository/${repository}/tag/?onlyActiveTags=true`,
      );
      return tags.map(({ name }) => name).sort();
    },
  };
}
