'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { plainReason } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');

const COMMON_OPTIONS = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--character-set-server=utf8mb4',
  '--collation-server=utf8mb4_bin',
  '--default-time-zone=+00:00',
  '--max-connections=250',
  '--max-allowed-packet=64M',
  '--innodb-buffer-pool-size=256M',
];

/**
 * The private database as a part that can be started, its data folder made first where it is missing.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {{ layout: import('../layout.cjs').Layout, server: Record<string, any>, url: string }} options
 * @returns {Promise<import('./supervisor.cjs').Part>}
 */
async function privateDatabase(machine, terminal, { layout, server, url }) {
  const { port, username, password, database } = readUrl(url);
  const ready = { type: 'mysql', host: '127.0.0.1', port };
  const base = { name: 'database', level: 0, ready, stopTimeoutMs: 60_000, version: server.version };
  if (server.container)
    return { ...base, ...containerCommand(machine, layout, server, { port, username, password, database }) };
  if (!fs.existsSync(layout.mysql)) {
    await terminal.step('making the private database', () => initialise(machine, layout, server));
  }
  const initFile = path.join(layout.mysql, 'slipway-init.sql');
  fs.writeFileSync(initFile, initStatements({ username, password, database }), { mode: 0o600 });
  giveToDataOwner(initFile, layout.mysql);
  if (path.dirname(layout.databaseSocket) !== layout.mysql) {
    fs.mkdirSync(path.dirname(layout.databaseSocket), { recursive: true, mode: 0o711 });
  }
  const command = [
    server.bin,
    '--no-defaults',
    `--datadir=${layout.mysql}`,
    `--port=${port}`,
    `--socket=${layout.databaseSocket}`,
    `--pid-file=${path.join(layout.mysql, 'server.pid')}`,
    `--init-file=${initFile}`,
    ...COMMON_OPTIONS,
    ...(server.kind === 'mysql' ? ['--mysqlx=OFF'] : []),
    ...(machine.isRoot ? [`--user=${dataOwner(layout.mysql)}`] : []),
  ];
  // Only this server has the socket: at the port somebody else might answer.
  return { ...base, ready: { ...ready, path: layout.databaseSocket }, command, cwd: layout.home };
}

/** Made beside its place and renamed, so an interrupted first start leaves nothing half-made. */
async function initialise(machine, layout, server) {
  const draft = `${layout.mysql}.new`;
  try {
    await initialiseIn(draft, machine, layout, server);
    fs.renameSync(draft, layout.mysql);
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

async function initialiseIn(draft, machine, layout, server) {
  fs.rmSync(draft, { recursive: true, force: true });
  fs.mkdirSync(draft, { mode: 0o750, recursive: true });
  const user = machine.isRoot ? ((await canBeMysql(machine, layout.home)) ? 'mysql' : 'root') : undefined;
  if (user === 'mysql') await machine.capture('chown', ['mysql:mysql', draft]);
  const asUser = user ? [`--user=${user}`] : [];
  const { code, output } =
    server.kind === 'mariadb'
      ? await machine.capture(installer(machine), [
          '--no-defaults',
          `--datadir=${draft}`,
          '--auth-root-authentication-method=socket',
          '--skip-test-db',
          '--skip-name-resolve',
          ...asUser,
        ])
      : await machine.capture(server.bin, [
          '--no-defaults',
          '--initialize-insecure',
          `--datadir=${draft}`,
          ...asUser,
        ]);
  refuseIfCancelled();
  if (code !== 0) {
    throw new LauncherError(
      'database',
      `the private database could not be made in ${layout.mysql} (${mariadbReason(output)})`,
    );
  }
}

function installer(machine) {
  const bin = machine.which('mariadb-install-db') ?? machine.which('mysql_install_db');
  if (bin) return bin;
  throw new LauncherError(
    'database',
    'mariadb-install-db is missing beside mariadbd: install it (Debian: mariadb-server-core), or set DATABASE_URL to mysql://user:password@host/database',
  );
}

/** What went wrong, without the installer's advice about bug reports. */
function mariadbReason(output) {
  const errors = output.split('\n').filter((line) => /error|cannot|can't|failed|denied|no space/i.test(line));
  return plainReason(errors[0] ?? output);
}

/** The account `mysql` serves where it may enter the folder; a checkout below /root keeps it out. */
async function canBeMysql(machine, home) {
  const { code } = await machine.capture('id', ['-u', 'mysql']);
  if (code !== 0) return false;
  for (let folder = home; ; folder = path.dirname(folder)) {
    if ((fs.statSync(folder).mode & 0o001) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

/** Whoever owns the data serves it, so that a later start does not need to change owners. */
function dataOwner(folder) {
  return fs.statSync(folder).uid === 0 ? 'root' : 'mysql';
}

function giveToDataOwner(file, folder) {
  const { uid, gid } = fs.statSync(folder);
  if (fs.statSync(file).uid !== uid) fs.chownSync(file, uid, gid);
}

/** Run at every start, so that user, password and database are what config.yaml says, also after a restore. */
function initStatements({ username, password, database }) {
  const name = `'${quote(username)}'`;
  const secret = `'${quote(password)}'`;
  const lines = [`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;`];
  for (const host of ['127.0.0.1', 'localhost']) {
    lines.push(`CREATE USER IF NOT EXISTS ${name}@'${host}' IDENTIFIED BY ${secret};`);
    lines.push(`ALTER USER ${name}@'${host}' IDENTIFIED BY ${secret};`);
    lines.push(`GRANT ALL ON \`${database}\`.* TO ${name}@'${host}';`);
  }
  return `${lines.join('\n')}\n`;
}

const quote = (text) => text.replace(/[\\']/g, '\\$&');

function readUrl(text) {
  const url = new URL(text);
  const database = url.pathname.slice(1);
  if (!/^\w+$/.test(database))
    throw new LauncherError('config', 'DATABASE_URL in config.yaml must end in a plain database name');
  return {
    port: Number(url.port || 3306),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
  };
}

/** The client in the foreground stands for the container: it ends with it and passes signals on. */
function containerCommand(machine, layout, server, { port, username, password, database }) {
  const name = `slipway-${layout.id}-database`;
  const env = {
    DOCKER_HOST: server.dockerHost,
    MARIADB_RANDOM_ROOT_PASSWORD: '1',
    MARIADB_USER: username,
    MARIADB_PASSWORD: password,
    MARIADB_DATABASE: database,
  };
  const names = Object.keys(env).filter((variable) => variable.startsWith('MARIADB_'));
  const options = COMMON_OPTIONS.filter((option) => !option.startsWith('--bind-address'));
  fs.mkdirSync(layout.mysql, { recursive: true });
  const docker = machine.which('docker') ?? 'docker';
  return {
    command: [
      docker,
      'run',
      '--rm',
      '--name',
      name,
      '-p',
      `127.0.0.1:${port}:3306`,
      '-v',
      `${layout.mysql}:/var/lib/mysql`,
      ...names.flatMap((variable) => ['-e', variable]),
      server.container,
      ...options,
    ],
    env,
    // The container outlives a client that was killed.
    beforeStart: async () =>
      void (await machine.capture(docker, ['rm', '-f', name], { env: { ...machine.env, ...env } })),
  };
}

module.exports = { privateDatabase, initStatements };
