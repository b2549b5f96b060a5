import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { docker, importDebian } from './docker';
import { eventually } from './eventually';
import { uniqueName } from './factories';
import type { GitServer, SourceRepository, SshServer } from './git-servers';
import { createRepository, startGitHttp, startSshServer } from './git-servers';
import type { Person, Product } from './product';

const run = promisify(execFile);
const HOOK = join(__dirname, '..', '..', 'bin', 'post-receive');

export interface BuildAnswer {
  id: string;
  phase: string;
  error: string | null;
  tags: string[];
  started: string;
}

interface LogEntry {
  message: string;
  type: string | null;
  data: Record<string, unknown>;
}

export interface Project {
  owner: Person;
  organization: string;
  /** `<organization>/app` */
  path: string;
  source: SourceRepository;
  webhookUrl: string;
  /** Commits, pushes `HEAD` to a branch, and answers what the hook told the pusher. */
  push(files: Record<string, string | undefined>, branch?: string, message?: string): Promise<string>;
  /** Calls the trigger's webhook with a commit of the branch main, as a git host would after a push. */
  callWebhook(commit: string): Promise<Response>;
  builds(): Promise<BuildAnswer[]>;
  /** Waits until the newest build is in one of these phases. */
  waitFor(phases: string[], deadlineMs?: number): Promise<BuildAnswer>;
  logs(buildId: string): Promise<LogEntry[]>;
  dispose(): Promise<void>;
}

export interface ProjectOptions {
  /** How the builder reaches the source; HTTP by default. */
  transport?: 'http' | 'ssh';
  config?: Record<string, unknown>;
  /** Another URL than that of the served repository. */
  buildSource?: string;
  /** A repository that somebody else serves, under `buildSource`. */
  source?: SourceRepository;
}

/** An organization with a repository, a trigger, and a bare git repository that carries the hook. */
export async function createProject(made: Product, options: ProjectOptions = {}): Promise<Project> {
  const owner = await made.person();
  const organization = uniqueName('org');
  const path = `${organization}/app`;
  const source = options.source ?? createRepository();
  const server = options.source ? ELSEWHERE : await serve(source, options.transport ?? 'http');
  const dispose = async () => {
    await server.close();
    source.dispose();
  };
  const credentials = await createTrigger(owner, path, {
    build_source: server.url,
    dockerfile_path: '/Dockerfile',
    context: '/',
    ...options.config,
    ...(options.buildSource ? { build_source: options.buildSource } : {}),
  }).catch(async (error: unknown) => {
    await dispose();
    throw error;
  });
  server.authorize(credentials.get('SSH Public Key') ?? '');
  const webhookUrl = credentials.get('Webhook Endpoint URL') ?? '';
  copyFileSync(HOOK, join(source.bare, 'hooks', 'post-receive'));
  chmodSync(join(source.bare, 'hooks', 'post-receive'), 0o755);
  await run('git', ['--git-dir', source.bare, 'config', 'slipway.webhook', webhookUrl]);

  const builds = async () => {
    const { body } = await owner.call<{ builds: BuildAnswer[] }>(
      'GET',
      `/repository/${path}/build/?limit=50`,
    );
    return body.builds;
  };
  return {
    owner,
    organization,
    path,
    source,
    webhookUrl,
    builds,
    async push(files, branch = 'main', message = 'change') {
      source.commit(files, message);
      const { stderr } = await run('git', ['-C', source.work, 'push', 'origin', `HEAD:refs/heads/${branch}`]);
      return stderr;
    },
    callWebhook: (commit) => callWebhook(webhookUrl, commit),
    waitFor: (phases, deadlineMs = 120_000) =>
      eventually(async () => {
        const [build] = await builds();
        assert.ok(
          build && phases.includes(build.phase),
          `the build is ${build?.phase}: ${build?.error ?? ''}`,
        );
        return build;
      }, deadlineMs),
    async logs(buildId) {
      const { body } = await owner.call<{ logs?: LogEntry[]; logs_url?: string }>(
        'GET',
        `/repository/${path}/build/${buildId}/logs`,
      );
      if (body.logs) return body.logs;
      const archive = await fetch(`${made.base}${body.logs_url}`, {
        headers: { authorization: `Bearer ${owner.token}` },
      });
      return ((await archive.json()) as { logs: LogEntry[] }).logs;
    },
    dispose,
  };
}

/** The organization, the repository and its trigger; answers the trigger's credentials by name. */
async function createTrigger(
  owner: Person,
  path: string,
  config: Record<string, unknown>,
): Promise<Map<string, string>> {
  const [organization = '', repository = ''] = path.split('/');
  expectStatus(await owner.call('POST', '/organization/', { name: organization }), 201);
  const creation = { namespace: organization, repository, visibility: 'private', description: '' };
  expectStatus(await owner.call('POST', '/repository', creation), 201);
  const trigger = await owner.call<{ config: { credentials: { name: string; value: string }[] } }>(
    'POST',
    `/repository/${path}/trigger/`,
    { service: 'custom-git', config },
  );
  expectStatus(trigger, 201);
  return new Map(trigger.body.config.credentials.map(({ name, value }) => [name, value]));
}

interface Serving {
  url: string;
  authorize(key: string): void;
  close(): Promise<void>;
}

const ELSEWHERE: Serving = {
  url: '',
  authorize: () => undefined,
  close: () => Promise.resolve(),
};

async function serve(source: SourceRepository, transport: 'http' | 'ssh'): Promise<Serving> {
  if (transport === 'ssh') {
    const server: SshServer = await startSshServer();
    return { ...server, url: server.url(source.bare) };
  }
  const server: GitServer = await startGitHttp(dirname(source.bare));
  return { ...server, url: server.url('app.git'), authorize: () => undefined };
}

function expectStatus(answer: { status: number; body: unknown }, status: number): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
}

const bases = new WeakMap<Product, Promise<string>>();

/** Name of a public image in the product's own registry, a minimal Debian by default, that any Dockerfile may start from. */
export function baseImage(made: Product, importBase = importDebian): Promise<string> {
  const base = bases.get(made) ?? pushBaseImage(made, importBase);
  bases.set(made, base);
  return base;
}

async function pushBaseImage(made: Product, importBase: typeof importDebian): Promise<string> {
  const owner = await made.person();
  const creation = { namespace: owner.name, repository: 'base', visibility: 'public', description: '' };
  expectStatus(await owner.call('POST', '/repository', creation), 201);
  const reference = `${made.host}/${owner.name}/base:bookworm`;
  await importBase(reference, made.config.DOCKER_HOST);
  await pushImage(made, reference, owner);
  return reference;
}

/** Pushes an image of the engine with the password of a person. */
export async function pushImage(made: Product, reference: string, person: Person): Promise<void> {
  const engine = await docker(made.config.DOCKER_HOST);
  const authconfig = { username: person.name, password: person.password, serveraddress: made.host };
  const stream = await engine.getImage(reference).push({ authconfig });
  await new Promise<void>((resolve, reject) => {
    let failure: Error | undefined;
    engine.modem.followProgress(
      stream,
      (error) => (error || failure ? reject(error ?? failure ?? new Error('push')) : resolve()),
      (event: { error?: string }) => {
        if (event.error) failure = new Error(event.error);
      },
    );
  });
}

function callWebhook(webhookUrl: string, commit: string): Promise<Response> {
  const { username, password, origin, pathname } = new URL(webhookUrl);
  const credentials = decodeURIComponent(`${username}:${password}`);
  return fetch(`${origin}${pathname}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    },
    body: JSON.stringify({ commit, ref: 'refs/heads/main', default_branch: 'main' }),
  });
}
