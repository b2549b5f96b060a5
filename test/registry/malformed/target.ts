import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { buildUser } from '../../support/factories';
import { buildImage, pushImage } from '../../support/images';
import { RegistryClient } from '../../support/registry-client';
import { startServeProcesses } from '../../support/serve-processes';
import type { Target } from './malformed-case';

/** What a wrong password leaves on purpose, until it is forgotten. */
const COUNTERS_OF_LOGINS = ['login_backoff', 'login_flood'];

export interface Victim {
  target: Target;
  client: RegistryClient;
  /** Rows by table, and files by path with their sizes. */
  contents(): Promise<string[]>;
  openUpload(): Promise<string>;
  dropUpload(path: string): Promise<void>;
  close(): Promise<void>;
}

export interface VictimOptions {
  /** Of `serve`, as it comes otherwise. */
  config?: Record<string, unknown>;
  /** Names and sizes of what lies in storage that is no folder of its own. */
  stored?: () => Promise<string[]>;
}

/** A `serve` of the product with one image in it. */
export async function startVictim({ config, stored }: VictimOptions = {}): Promise<Victim> {
  const serve = await startServeProcesses(1, config);
  const { host } = serve;
  const { account } = await buildUser(serve.dataSource, { password: 'secret' });
  const credentials = { username: account.name, password: 'secret' };
  const port = serve.ports[0] ?? 0;
  const client = new RegistryClient(`http://127.0.0.1:${port}`, credentials);
  const repository = `${account.name}/app`;
  const image = buildImage();
  await pushImage(client, repository, image, 'v1');
  const pair = `${credentials.username}:${credentials.password}`;
  const target: Target = {
    ...{ port, host, repository, fresh: `${account.name}/fresh`, upload: '' },
    blob: image.layers[0]?.digest ?? '',
    manifest: { digest: image.digest, body: image.body, tag: 'v1' },
    token: '',
    credentials: pair,
    basic: `Basic ${Buffer.from(pair).toString('base64')}`,
  };
  await renewToken(client, target);
  return {
    target,
    client,
    contents: async () => [
      ...(await rowsOf(serve.dataSource)),
      ...(await (stored?.() ?? filesBelow(join(serve.storagePath, 'storage')))),
    ],
    openUpload: () => openUpload(client, repository),
    async dropUpload(path) {
      await (await client.call('DELETE', path)).arrayBuffer();
    },
    close: () => serve.dispose(),
  };
}

/** Tokens live for five minutes, a long run for more. */
export async function renewToken(client: RegistryClient, target: Target): Promise<void> {
  const scopes = [target.repository, target.fresh].map((name) => `repository:${name}:pull,push,delete`);
  const response = await client.requestToken(scopes);
  target.token = ((await response.json()) as { token: string }).token;
}

async function openUpload(client: RegistryClient, repository: string): Promise<string> {
  const started = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
  const location = started.headers.get('location') ?? '';
  await client.expect(202, 'PATCH', location, { body: '0123456789' });
  return location;
}

async function rowsOf(dataSource: DataSource): Promise<string[]> {
  const tables = dataSource.entityMetadatas.map(({ tableName }) => tableName);
  const counted = tables.filter((table) => !COUNTERS_OF_LOGINS.includes(table)).sort();
  const counts = counted.map((table) => `SELECT '${table}' AS name, COUNT(*) AS n FROM \`${table}\``);
  const rows = await dataSource.query<{ name: string; n: string }[]>(counts.join(' UNION ALL '));
  return rows.map(({ name, n }) => `${n} rows of ${name}`);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const sized = paths.sort().map(async (path) => {
    // Of an upload that ends just now.
    const size = await stat(path).then(
      (file) => `${file.size} bytes`,
      () => 'gone',
    );
    return `${path.slice(folder.length)}: ${size}`;
  });
  return Promise.all(sized);
}
