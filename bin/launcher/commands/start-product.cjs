'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');
const { together } = require('../interrupt.cjs');
const { withLock } = require('../lock-file.cjs');
const { whyItCannotBuild } = require('../parts/build-probe.cjs');
const { ensureFirstAdmin } = require('../parts/first-admin.cjs');
const {
  WANTED_PORTS,
  embeddedServers,
  listenedPorts,
  newConfig,
  readConfig,
  writeConfig,
} = require('../parts/instance-config.cjs');
const { ownProcesses } = require('../parts/own-processes.cjs');
const { privateDatabase } = require('../parts/private-database.cjs');
const { cleanUpDocker, privateDocker } = require('../parts/private-docker.cjs');
const { ensureSearchAttributes, privateTemporal } = require('../parts/private-temporal.cjs');
const { choosePorts, holderOf, isFree, portsOfOthers, reservePorts } = require('../ports.cjs');
const { findDocker, needDatabase, needTemporal, whyNoBuildCommands } = require('../prepare.cjs');
const { ensurePackages } = require('../tools/npm-packages.cjs');

/**
 * The configuration of this installation, made at its first start and only read later.
 * @param {import('../context.cjs').Context} context
 */
async function loadConfig(context) {
  const { layout, machine, terminal, root } = context;
  if (!fs.existsSync(layout.config)) {
    // Two first starts at the same moment must not choose the same.
    await withLock(path.join(os.tmpdir(), `slipway-${machine.uid}-ports.lock`), async () => {
      const ports = await choosePorts(WANTED_PORTS, portsOfOthers(machine.cache, layout.home));
      reservePorts(machine.cache, layout.home, Object.values(ports));
      writeConfig(layout.config, newConfig(layout, ports, machine.hostname));
    });
  }
  try {
    return readConfig(layout.config, machine.env);
  } catch (error) {
    if (!/Cannot find module/.test(error.message)) throw error;
    // Somebody wrote it as free YAML, which only the yaml package reads.
    await ensurePackages(machine, terminal, root);
    return readConfig(layout.config, machine.env);
  }
}

/** A port that somebody else took since it was chosen is said before anything starts. */
async function assertPortsFree(config, embedded) {
  for (const { field, host, port } of listenedPorts(config, embedded)) {
    if (await isFree(port, host)) continue;
    throw new LauncherError(
      'portTaken',
      `port ${port} is taken by ${await holderOf(port)}: end that, or change ${field} in config.yaml`,
    );
  }
}

/**
 * Gets what is missing, side by side, then starts database, Temporal and engine.
 * @param {any} run
 * @param {{ config: Record<string, any>, prepareProduct: () => Promise<void>, withDocker?: boolean }} options
 */
async function startInfrastructure(run, { config, prepareProduct, withDocker = true }) {
  const { context, supervisor } = run;
  const { env } = context.machine;
  const embedded = embeddedServers(config, env);
  await assertPortsFree(config, embedded);
  const [{ docker, database }, temporal] = await together([
    () => findServers(context, config, { embedded, withDocker }),
    () => needTemporal(context, { address: embedded.temporal ? undefined : config.TEMPORAL_ADDRESS }),
    prepareProduct,
  ]);
  const parts = [];
  if (database.version) {
    const part = await privateDatabase(context.machine, context.terminal, {
      layout: context.layout,
      server: database,
      url: config.DATABASE_URL,
    });
    parts.push(part);
  }
  if (temporal.bin) parts.push(temporalPart(context, temporal, config));
  const [builds] = await together([() => startDocker(run, docker), () => supervisor.start(parts)]);
  return { database, temporal, builds };
}

/** One after the other: a database container needs the engine, and apt-get runs once at a time. */
async function findServers(context, config, { embedded, withDocker }) {
  const docker = withDocker
    ? await findDocker(context, { host: config.DOCKER_HOST })
    : { why: 'not asked for' };
  const reachable = docker.engine?.host ? { host: docker.engine.host } : undefined;
  const database = await needDatabase(context, {
    url: embedded.database ? undefined : config.DATABASE_URL,
    docker: reachable,
  });
  const why = docker.why ?? (await whyNoBuildCommands(context));
  return { docker: { ...docker, why }, database };
}

function temporalPart(context, cli, config) {
  const addresses = {
    address: config.TEMPORAL_ADDRESS,
    uiUrl: config.TEMPORAL_UI_URL,
    namespace: config.TEMPORAL_NAMESPACE,
  };
  return {
    ...privateTemporal(context.layout, cli, addresses),
    afterReady: () => ensureSearchAttributes(context.machine, { bin: cli.bin, ...addresses }),
  };
}

/** An engine that does not come up costs the builds, not the product. */
async function startDocker(run, { engine, why }) {
  if (!engine || why) return { why };
  if (engine.host) return { host: engine.host, version: engine.version };
  const { context, supervisor } = run;
  const { layout, machine, terminal } = context;
  const place = { folder: layout.docker, id: layout.id };
  try {
    // First: an interrupt may come while its bridge is being made.
    run.cleanUps.push(() => cleanUpDocker(machine, place));
    const part = await privateDocker(machine, { ...place, ...engine, socket: layout.dockerSocket });
    await supervisor.start([part]);
    const refusal = await tryOnce(path.join(layout.docker, 'can-build'), engine.version, () =>
      terminal.step('trying a build', () => whyItCannotBuild(machine, part.host)),
    );
    return refusal
      ? { why: `the Docker engine cannot build (${refusal})` }
      : { host: part.host, version: engine.version, isPrivate: true };
  } catch (error) {
    if (!(error instanceof LauncherError) || error.kind === 'interrupted') throw error;
    supervisor.drop('docker');
    return { why: error.message };
  }
}

/** A trial that succeeded with this version is not repeated at every start. */
async function tryOnce(stamp, version, trial) {
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === version) return undefined;
  const refusal = await trial();
  if (!refusal) fs.writeFileSync(stamp, version);
  return refusal;
}

/**
 * Migrates, starts our processes and makes the first administrator.
 * @param {any} run
 * @param {{ config: Record<string, any>, node: { bin: string, version: string }, env: NodeJS.ProcessEnv, infrastructure: any }} options
 */
async function startOwnProcesses(run, { config, node, env, infrastructure }) {
  const { context, supervisor } = run;
  const { builds, database, temporal } = infrastructure;
  if (builds.host) env.DOCKER_HOST = builds.host;
  else env.FEATURE_BUILD_SUPPORT = 'false';
  const listen = { host: config.LISTEN_ADDRESS ?? '127.0.0.1', port: Number(config.LISTEN_PORT) };
  const parts = ownProcesses({ node: node.bin, listen, builds: Boolean(builds.host) });
  await supervisor.start(parts);
  const { root, layout, machine } = context;
  const admin = await ensureFirstAdmin(machine, {
    node: node.bin,
    root,
    env,
    passwordFile: layout.adminPassword,
  });
  const url = `${config.PREFERRED_URL_SCHEME ?? 'http'}://${config.SERVER_HOSTNAME}`;
  const versions = {
    node: node.version,
    database: database.version ?? null,
    temporal: temporal.version ?? null,
    docker: builds.version ?? null,
  };
  const mail = config.MAIL_CATCHER ? `http://127.0.0.1:${config.MAIL_CATCHER.HTTP_PORT}` : null;
  const facts = {
    url,
    registry: config.SERVER_HOSTNAME,
    temporalUi: config.TEMPORAL_UI_URL ?? null,
    temporalAddress: config.TEMPORAL_ADDRESS,
    mail,
    config: layout.config,
    admin,
    docker: builds.host ? { host: builds.host, isPrivate: Boolean(builds.isPrivate) } : null,
    builds: builds.host ? 'on' : `off: ${builds.why}`,
    versions,
  };
  return { facts, rows: rowsOf(facts, context) };
}

function rowsOf(facts, { layout }) {
  const password = facts.admin.passwordFile
    ? 'its password: bin/slipway admin password'
    : 'an account from before, its password is not known here';
  const engine = facts.docker
    ? `Docker ${facts.versions.docker}${facts.docker.isPrivate ? ', private engine' : ` at ${facts.docker.host}`}`
    : '';
  const rows = [
    ['console, API', facts.url],
    ['registry', `${facts.registry}   (docker login ${facts.registry})`],
    ['Temporal UI', facts.temporalUi],
    ['mail', facts.mail],
    ['administrator', `${facts.admin.name}, ${password}`],
    ['builds', facts.docker ? engine : facts.builds],
    ['data', layout.home],
  ];
  return rows.filter(([, value]) => value);
}

/** The real servers below processes that are not the product's. */
async function startEmbedded(run, names) {
  const config = await loadConfig(run.context);
  const only = { ...config, EMBEDDED: names, MAIL_CATCHER: undefined };
  return startInfrastructure(run, {
    config: only,
    prepareProduct: async () => {},
    withDocker: names.includes('docker'),
  });
}

module.exports = { loadConfig, startInfrastructure, startOwnProcesses, startEmbedded };
