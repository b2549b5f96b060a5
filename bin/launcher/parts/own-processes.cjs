'use strict';

/**
 * The four processes of ours, in the order in which they start; `migrate` runs to its end before them.
 * @param {{ node: string, listen: { host: string, port: number }, builds: boolean }} options `builds` is false where no Docker engine is in reach
 * @returns {import('./supervisor.cjs').Part[]}
 */
function ownProcesses({ node, listen, builds }) {
  const ready = { type: 'http', path: '/health' };
  const worker = (queues) => [node, 'dist/workers/main.js', '--queues', queues];
  const parts = [
    { name: 'migrate', level: 1, once: true, command: [node, 'dist/cli/main.js', 'migrate'] },
    {
      name: 'serve',
      level: 2,
      command: [node, 'dist/serve/main.js'],
      ready,
      stopTimeoutMs: 30_000,
      address: `http://${listen.host}:${listen.port}`,
    },
    { name: 'relay', level: 3, command: [node, 'dist/workers/relay-main.js'], ready },
    {
      name: 'worker',
      level: 3,
      command: worker('orchestration,scan,deliver,maintenance'),
      ready,
      stopTimeoutMs: 60_000,
    },
  ];
  if (builds) {
    parts.push({
      name: 'build-worker',
      level: 3,
      // It hands its builds over to their workflows, which somebody has to run meanwhile.
      stopLevel: 4,
      command: worker('build'),
      ready,
      // Where BUILD_SHUTDOWN_GRACE is longer than a person waits, builds are handed over then.
      hurryAfterMs: 25_000,
      stopTimeoutMs: 60_000,
    });
  }
  return parts;
}

module.exports = { ownProcesses };
