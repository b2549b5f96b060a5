import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AuthorizedEmail } from '../../db/entities/notifications';
import { atEndOfRun } from '../support/cleanup';
import { emptyDatabase } from '../support/database';
import { importShell, ownEngine } from '../support/docker';
import { createRepository } from '../support/git-servers';
import { ownMariadb } from '../support/mariadb';
import { freePort } from '../support/processes';
import type { Product } from '../support/product';
import { startProduct } from '../support/product';
import type { Project } from '../support/project';
import { baseImage, createProject } from '../support/project';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';
import { RestartableServer } from '../support/restartable-server';
import { dropAdvisory } from '../support/sample-advisory';
import { ownTemporal } from '../support/temporal';
import type { Target } from './plan';

const EVENTS = [
  'repo_push',
  'build_queued',
  'build_success',
  'build_failure',
  'vulnerability_found',
] as const;

const MAIL_ADDRESS = 'ops@faults.example';

/** A product and everything it stands on, all of it the campaign's own, so that all of it may be killed. */
export interface Installation {
  made: Product;
  servers: ReadonlyMap<Target, RestartableServer>;
  projects: Project[];
  /** Where the hooks go; never hurt, so that it knows what arrived. */
  receiver: Receiver;
  /** Folder of the mails that the SMTP server took. */
  mails: string;
  base: string;
  dispose(): Promise<void>;
}

export async function install(projectCount: number): Promise<Installation> {
  const undo: (() => Promise<void>)[] = [];
  const dispose = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  // A campaign that is told to stop does not come to its own end.
  atEndOfRun(dispose);
  try {
    return { ...(await installParts(projectCount, undo)), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function installParts(
  projectCount: number,
  undo: (() => Promise<void>)[],
): Promise<Omit<Installation, 'dispose'>> {
  const home = mkdtempSync(join(tmpdir(), 'slipway-faults-'));
  const mariadb = await ownMariadb();
  undo.push(() => mariadb.dispose());
  const engine = await ownEngine();
  undo.push(() => engine.dispose());
  const temporal = await ownTemporal(join(home, 'temporal.db'));
  undo.push(() => temporal.dispose());
  const mail = await mailServer(join(home, 'mails'));
  undo.push(() => mail.server.stop());
  const git = await gitServer(join(home, 'git'));
  undo.push(() => git.server.stop());
  const receiver = await startReceiver();
  undo.push(() => receiver.close());
  const made = await startProduct({
    home,
    temporal,
    databaseUrl: await emptyDatabase(mariadb),
    dockerHost: engine.host,
    config: { MAIL_PORT: mail.port },
  });
  undo.push(() => made.dispose());

  const servers = new Map<Target, RestartableServer>([
    ...made.parts,
    ['MariaDB', mariadb.server],
    ['Temporal', temporal.server],
    ['Docker engine', engine.server],
    ['git server', git.server],
    ['SMTP server', mail.server],
  ]);
  dropAdvisory(made);
  const base = await baseImage(made, importShell);
  const projects: Project[] = [];
  for (let number = 0; number < projectCount; number += 1) {
    const project = await addProject(made, git, number);
    await addRules(made, project, receiver);
    projects.push(project);
  }
  return { made, servers, projects, receiver, mails: join(home, 'mails'), base };
}

async function addProject(made: Product, git: GitHost, number: number): Promise<Project> {
  const folder = join(git.folder, `team-${number}`);
  mkdirSync(folder, { recursive: true });
  const source = createRepository('app', folder);
  const buildSource = `${git.url}/team-${number}/app.git`;
  source.git('--git-dir', source.bare, 'config', 'http.receivepack', 'true');
  source.git('remote', 'set-url', 'origin', buildSource);
  const config = { tag_templates: ['${commit_info.short_sha}', 'by-${commit_info.author.username}'] };
  return createProject(made, { source, buildSource, config });
}

async function addRules(made: Product, project: Project, receiver: Receiver): Promise<void> {
  const { manager } = made.dataSource;
  const [{ id: repositoryId }] = await manager.query<[{ id: number }]>(
    `SELECT r.id FROM repository r JOIN account n ON n.id = r.namespace_id WHERE n.name = ? AND r.name = 'app'`,
    [project.organization],
  );
  await manager.insert(AuthorizedEmail, {
    repositoryId,
    email: MAIL_ADDRESS,
    confirmed: true,
    createdAtMs: Date.now(),
  });
  for (const event of EVENTS) {
    for (const [method, config] of [
      ['webhook', { url: receiver.url }],
      ['email', { email: MAIL_ADDRESS }],
    ] as const) {
      const rule = { event, method, config, eventConfig: {} };
      const { status, body } = await project.owner.call(
        'POST',
        `/repository/${project.path}/notification/`,
        rule,
      );
      if (status !== 201) throw new Error(`rule ${event} by ${method}: ${status} ${JSON.stringify(body)}`);
    }
  }
}

interface GitHost {
  folder: string;
  url: string;
  server: RestartableServer;
}

async function gitServer(folder: string): Promise<GitHost> {
  mkdirSync(folder);
  const port = await freePort();
  const server = supportProcess('git server', 'git-server-main.ts', [folder, String(port)], port);
  await server.start();
  return { folder, url: `http://127.0.0.1:${port}`, server };
}

async function mailServer(folder: string): Promise<{ port: number; server: RestartableServer }> {
  const port = await freePort();
  const args = [folder, String(port), String(await freePort())];
  const server = supportProcess('SMTP server', 'mail-server-main.ts', args, port);
  await server.start();
  return { port, server };
}

function supportProcess(name: string, file: string, args: string[], port: number): RestartableServer {
  return new RestartableServer({
    name,
    command: process.execPath,
    args: () => ['--require', 'tsx/cjs', join(__dirname, '..', 'support', file), ...args],
    async ready() {
      const socket = createConnection(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
      } finally {
        socket.destroy();
      }
    },
  });
}
