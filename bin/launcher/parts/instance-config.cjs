'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');
const { ROOT } = require('../layout.cjs');

/** Ports that an installation would like; the next free ones are taken where these are not. */
const WANTED_PORTS = { web: 8080, mysql: 13306, temporal: 7233, temporalUi: 8233, smtp: 1025, mail: 8025 };

const REQUIRED = [
  'SERVER_HOSTNAME',
  'LISTEN_PORT',
  'DATABASE_URL',
  'DATABASE_SECRET_KEY',
  'TEMPORAL_ADDRESS',
  'BUILD_WORK_DIR',
];

/**
 * The first configuration of an installation: random secrets, the chosen ports, everything else below its own folder.
 * @param {import('../layout.cjs').Layout} layout
 * @param {Record<keyof typeof WANTED_PORTS, number>} ports
 * @param {string} hostname name of this machine
 */
function newConfig(layout, ports, hostname) {
  const secret = () => crypto.randomBytes(24).toString('base64url');
  return {
    // Docker takes a registry on a loopback address without TLS.
    SERVER_HOSTNAME: `127.0.0.1:${ports.web}`,
    LISTEN_ADDRESS: '127.0.0.1',
    LISTEN_PORT: ports.web,
    EMBEDDED: ['database', 'temporal'],
    DATABASE_URL: `mysql://slipway:${secret()}@127.0.0.1:${ports.mysql}/slipway`,
    DATABASE_SECRET_KEY: secret(),
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporal}`,
    TEMPORAL_UI_URL: `http://127.0.0.1:${ports.temporalUi}`,
    DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: layout.storage }] },
    MAIL_SERVER: '127.0.0.1',
    MAIL_PORT: ports.smtp,
    MAIL_USE_TLS: false,
    MAIL_DEFAULT_SENDER: 'slipway@localhost.localdomain',
    MAIL_CATCHER: { SMTP_PORT: ports.smtp, HTTP_PORT: ports.mail, PATH: layout.mail },
    OUTBOUND_ALLOWED_NETWORKS: ['127.0.0.0/8', '::1/128'],
    SUPER_USERS: ['admin'],
    BUILD_WORK_DIR: layout.builds,
    BUILD_HOST_ID: hostname.replace(/[^\w.-]/g, '-') || 'localhost',
    ADVISORIES_PATH: layout.advisories,
    // Nobody waits at a terminal for a build that takes minutes, and there is no load balancer to tell.
    SHUTDOWN_NOTICE: '0s',
    SHUTDOWN_GRACE: '10s',
    BUILD_SHUTDOWN_GRACE: '2s',
  };
}

const COMMENTS = {
  SERVER_HOSTNAME: 'Made by the launcher once and never rewritten: change what you like, then start again.',
  EMBEDDED: 'Servers that the launcher runs itself, at the addresses below; take one out to use your own.',
  DATABASE_SECRET_KEY:
    'Seals secrets in the database: without it they are lost. Keep a copy with your backups.',
  MAIL_SERVER: 'The catcher keeps mail instead of sending it; name your own server here when you have one.',
};

/** Writes one field a line, its value as JSON, which is YAML too. */
function renderConfig(config) {
  const lines = Object.entries(config).map(([name, value]) => {
    const comment = COMMENTS[name] ? `# ${COMMENTS[name]}\n` : '';
    return `${comment}${name}: ${JSON.stringify(value)}\n`;
  });
  return lines.join('');
}

/** In one step, readable by its owner only. */
function writeConfig(file, config) {
  const draft = `${file}.new`;
  fs.writeFileSync(draft, renderConfig(config), { mode: 0o600 });
  fs.renameSync(draft, file);
}

/**
 * The configuration as the processes will see it: the file, and the environment over it.
 * @param {string} file
 * @param {NodeJS.ProcessEnv} env
 * @returns {Record<string, any>}
 */
function readConfig(file, env, root = ROOT) {
  let values;
  try {
    values = parse(fs.readFileSync(file, 'utf8'), root);
  } catch (error) {
    throw new LauncherError(
      'config',
      `${file} cannot be read (${error.message.split('\n')[0]}): mend it or move it away`,
    );
  }
  if (!values || typeof values !== 'object' || Array.isArray(values)) {
    throw new LauncherError('config', `${file} is not a list of fields: mend it or move it away`);
  }
  for (const name of Object.keys(env)) {
    if (/^[A-Z][A-Z_]+$/.test(name) && name in values && env[name]) values[name] = env[name];
  }
  for (const name of ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'DOCKER_HOST'])
    if (env[name]) values[name] = env[name];
  const missing = REQUIRED.filter((name) => values[name] === undefined || values[name] === '');
  if (missing.length > 0) {
    throw new LauncherError(
      'config',
      `${file} lacks ${missing.join(', ')}: put back what was there, or move the file away`,
    );
  }
  return values;
}

/** As the launcher wrote it, without the yaml package; what people made of it, with. */
function parse(text, root) {
  const values = {};
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const field = /^([A-Z][A-Z0-9_]*): (.+)$/.exec(line);
    try {
      values[/** @type {RegExpExecArray} */ (field)[1]] = JSON.parse(
        /** @type {RegExpExecArray} */ (field)[2],
      );
    } catch {
      return require(path.join(root, 'node_modules', 'yaml')).parse(text);
    }
  }
  return values;
}

/**
 * Which servers the launcher runs itself: those of `EMBEDDED` whose address the environment does not set.
 * @param {Record<string, any>} config
 * @param {NodeJS.ProcessEnv} env
 */
function embeddedServers(config, env) {
  const listed = new Set(Array.isArray(config.EMBEDDED) ? config.EMBEDDED : []);
  return {
    database: listed.has('database') && !env.DATABASE_URL,
    temporal: listed.has('temporal') && !env.TEMPORAL_ADDRESS,
  };
}

/**
 * Every port that this installation listens on, with the field that sets it.
 * @param {Record<string, any>} config
 * @param {{ database: boolean, temporal: boolean }} embedded
 * @returns {{ field: string, host: string, port: number }[]}
 */
function listenedPorts(config, embedded) {
  const ports = [
    { field: 'LISTEN_PORT', host: config.LISTEN_ADDRESS ?? '127.0.0.1', port: Number(config.LISTEN_PORT) },
  ];
  if (embedded.database) ports.push(portOfUrl('DATABASE_URL', config.DATABASE_URL, 3306));
  if (embedded.temporal) {
    ports.push(portOfUrl('TEMPORAL_ADDRESS', `tcp://${config.TEMPORAL_ADDRESS}`, 7233));
    if (config.TEMPORAL_UI_URL) ports.push(portOfUrl('TEMPORAL_UI_URL', config.TEMPORAL_UI_URL, 80));
  }
  if (config.MAIL_CATCHER) {
    ports.push({
      field: 'MAIL_CATCHER.SMTP_PORT',
      host: '127.0.0.1',
      port: Number(config.MAIL_CATCHER.SMTP_PORT),
    });
    ports.push({
      field: 'MAIL_CATCHER.HTTP_PORT',
      host: '127.0.0.1',
      port: Number(config.MAIL_CATCHER.HTTP_PORT),
    });
  }
  for (const { field, port } of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new LauncherError(
        'config',
        `${field} in config.yaml is not a port number: mend it, then start again`,
      );
  }
  return ports;
}

function portOfUrl(field, text, fallback) {
  try {
    const url = new URL(text);
    return { field, host: url.hostname, port: Number(url.port || fallback) };
  } catch {
    throw new LauncherError(
      'config',
      `${field} in config.yaml is not an address: ${text.replace(/:[^:@/]*@/, ':…@')}`,
    );
  }
}

module.exports = {
  WANTED_PORTS,
  newConfig,
  renderConfig,
  writeConfig,
  readConfig,
  embeddedServers,
  listenedPorts,
};
