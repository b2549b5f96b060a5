import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import type { ApiDeps } from '../../api/api-deps';
import { createApiApp } from '../../api/app';
import type { ApiRoute } from '../../api/route';
import { createApiRoutes } from '../../api/routes';
import { accessPolicy } from '../../auth/access';
import { createClientAddress } from '../../auth/client-address';
import type { Scope } from '../../auth/identity';
import { SCOPES } from '../../auth/identity';
import { SYSTEM } from '../../commands/act';
import { createOauthToken } from '../../commands/accounts/create-oauth-token';
import { parseConfig } from '../../config/load';
import type { Config } from '../../config/schema';
import type { Account } from '../../db/entities/accounts';
import { FilesystemStorage } from '../../storage/filesystem';
import { silentLogger } from '../../telemetry/logger';
import { testPasswords } from './auth-deps';
import { sharedDatabase, TEST_SECRET_KEY } from './database';

interface ApiAnswer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. Tests know the shape they ask for. */
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

export interface ApiCall {
  /** A bearer token. */
  token?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

export interface TestApi {
  url: string;
  deps: ApiDeps;
  dataSource: DataSource;
  routes: ApiRoute[];
  /** `path` is below `/api/v1`, or from the root when it begins with `//`. */
  call(method: string, path: string, call?: ApiCall): Promise<ApiAnswer>;
  /** A bearer token of a user; all scopes unless some are named. */
  tokenOf(account: Account, scopes?: readonly Scope[]): Promise<string>;
  /** A visitor with cookies, as a browser keeps them. */
  browser(): TestBrowser;
  close(): Promise<void>;
}

export interface TestApiOptions {
  config?: Partial<Record<keyof Config, unknown>>;
  deps?: Partial<ApiDeps>;
  /** Routes instead of the product's. */
  routes?: (deps: ApiDeps) => ApiRoute[];
}

/** The API on a port of its own, on the database that the tests share unless `deps` brings another. */
export async function startApi({
  config: settings,
  deps: given,
  routes: make,
}: TestApiOptions = {}): Promise<TestApi> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-api-'));
  const config = testConfig({ DISTRIBUTED_STORAGE_CONFIG: localStorage(folder), ...settings });
  const storage = new FilesystemStorage(folder);
  await storage.prepare();
  const deps: ApiDeps = {
    dataSource: given?.dataSource ?? (await sharedDatabase()),
    now: Date.now,
    config,
    logger: silentLogger,
    passwords: testPasswords(),
    policy: accessPolicy(config),
    clientAddress: createClientAddress(config),
    storage,
    address: { scheme: config.PREFERRED_URL_SCHEME, host: config.SERVER_HOSTNAME },
    ...given,
  };
  const routes = (make ?? createApiRoutes)(deps);
  const server = createServer(createApiApp(deps, routes));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const call = (method: string, path: string, options: ApiCall = {}) => send(url, method, path, options);
  return {
    url,
    deps,
    dataSource: deps.dataSource,
    routes,
    call,
    async tokenOf(account, scopes = SCOPES) {
      const input = { accountId: account.id, title: 'test', scopes, lifetimeMs: 3_600_000 };
      return (await createOauthToken(deps, SYSTEM, input)).token;
    },
    browser: () => new TestBrowser(call),
    async close() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A configuration that loads, with everything at its default. */
function testConfig(values: Partial<Record<keyof Config, unknown>> = {}): Config {
  return parseConfig({
    SERVER_HOSTNAME: 'registry.test',
    DATABASE_URL: 'mysql://nobody@127.0.0.1/nothing',
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    DISTRIBUTED_STORAGE_CONFIG: localStorage('/nowhere'),
    ...values,
  });
}

function localStorage(path: string) {
  return { default: ['LocalStorage', { storage_path: path }] };
}

/** Keeps the cookie and repeats the CSRF token, as the console does. */
class TestBrowser {
  cookie = '';
  csrfToken = '';

  constructor(private readonly send: TestApi['call']) {}

  async call(method: string, path: string, { headers, ...rest }: ApiCall = {}): Promise<ApiAnswer> {
    if (this.csrfToken === '') await this.fetchCsrfToken();
    const answer = await this.send(method, path, {
      ...rest,
      headers: { cookie: this.cookie, 'x-csrf-token': this.csrfToken, ...headers },
    });
    this.remember(answer);
    return answer;
  }

  async signIn(username: string, password: string): Promise<ApiAnswer> {
    return this.call('POST', '/signin', { json: { username, password } });
  }

  async fetchCsrfToken(): Promise<void> {
    const answer = await this.send('GET', '//csrf_token', { headers: { cookie: this.cookie } });
    this.remember(answer);
    this.csrfToken = String(answer.body.csrf_token);
  }

  private remember({ headers }: ApiAnswer): void {
    const cookie = headers.getSetCookie()[0]?.split(';')[0];
    if (cookie !== undefined) this.cookie = cookie;
    this.csrfToken = headers.get('x-next-csrf-token') ?? this.csrfToken;
  }
}

async function send(url: string, method: string, path: string, call: ApiCall): Promise<ApiAnswer> {
  const target = path.startsWith('//') ? path.slice(1) : `/api/v1${path}`;
  const response = await fetch(url + target, {
    method,
    redirect: 'manual',
    headers: {
      ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
      ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    },
    body: call.json === undefined ? call.body : JSON.stringify(call.json),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text ? JSON.parse(text) : text,
  };
}
