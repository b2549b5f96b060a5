'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');

/** All of type Keyword; what an operator filters by in Temporal's UI. */
const SEARCH_ATTRIBUTES = ['RegistryNamespace', 'Repository', 'BuildPhase', 'ImageDigest', 'TriggerKind'];
// Two to three times the throughput. The death of the process loses nothing; a power cut may lose the last moments, and
// what Temporal lost is done again (`reapOrphans`).
const SQLITE_PRAGMAS = ['journal_mode=wal', 'synchronous=normal'].flatMap((pragma) => [
  '--sqlite-pragma',
  pragma,
]);
// It serves nobody else: what waited through an outage of its own must not meet the limits of a shared server.
const DYNAMIC_CONFIG = [
  'matching.enableFairness=true',
  'frontend.namespaceRPS=20000',
  'frontend.namespaceRPS.visibility=1000',
].flatMap((setting) => ['--dynamic-config-value', setting]);
const READY_TIMEOUT_MS = 60_000;

/**
 * @param {import('../layout.cjs').Layout} layout
 * @param {{ bin: string, version: string }} cli
 * @param {{ address: string, uiUrl?: string, namespace?: string }} addresses
 * @returns {import('./supervisor.cjs').Part}
 */
function privateTemporal(layout, cli, { address, uiUrl, namespace = 'default' }) {
  const { hostname, port } = new URL(`tcp://${address}`);
  const ui = uiUrl ? ['--ui-ip', hostname, '--ui-port', new URL(uiUrl).port] : ['--headless'];
  fs.mkdirSync(layout.temporal, { recursive: true, mode: 0o700 });
  const command = [
    cli.bin,
    'server',
    'start-dev',
    '--db-filename',
    path.join(layout.temporal, 'temporal.db'),
    ...SQLITE_PRAGMAS,
    '--ip',
    hostname,
    '--port',
    port,
    ...ui,
    '--log-level',
    'warn',
    '--namespace',
    namespace,
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...DYNAMIC_CONFIG,
  ];
  const ready = { type: 'tcp', host: hostname, port: Number(port) };
  return { name: 'temporal', level: 0, ready, command, stopTimeoutMs: 15_000, version: cli.version };
}

/**
 * Waits until the namespace serves, and adds the search attributes that a database of an earlier version lacks: the server's own
 * option only counts for a new one.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ bin: string, address: string, namespace?: string }} server
 */
async function ensureSearchAttributes(machine, { bin, address, namespace = 'default' }) {
  const operator = (...args) =>
    machine.capture(
      bin,
      ['operator', 'search-attribute', ...args, '--address', address, '--namespace', namespace],
      { timeoutMs: 20_000 },
    );
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    refuseIfCancelled();
    const listed = await operator('list');
    if (listed.code === 0) {
      const missing = SEARCH_ATTRIBUTES.filter((name) => !new RegExp(`\\b${name}\\b`).test(listed.stdout));
      if (missing.length === 0) return;
      const created = await operator(
        'create',
        ...missing.flatMap((name) => ['--name', name, '--type', 'Keyword']),
      );
      if (created.code === 0) return;
    }
    if (Date.now() > deadline) {
      throw new LauncherError(
        'partFailed',
        `temporal at ${address} does not serve its namespace "${namespace}" (${lastLines(listed.output)})`,
      );
    }
    await sleep(300);
  }
}

module.exports = {
  SEARCH_ATTRIBUTES,
  SQLITE_PRAGMAS,
  DYNAMIC_CONFIG,
  privateTemporal,
  ensureSearchAttributes,
};
