'use strict';

const { whyDiskIsFull } = require('../context.cjs');
const { EXIT_CODES } = require('../exit-codes.cjs');
const { runningLauncher, withFreshHealth } = require('./running.cjs');

/**
 * Addresses, versions and health of each part. Scripts read the JSON form: `isRunning`, `isReady`, `isHealthy`, `url`, `registry`, `temporalUi`,
 * `temporalAddress`, `mail`, `config`, `admin`, `docker`, `builds`, `disk` (null, or that it is nearly full), `versions`, and `parts` with `name`, `state`, `isHealthy`, `pid`, `restarts`.
 * @param {import('../context.cjs').Context} context
 * @param {{ json?: boolean }} options
 */
async function status(context, { json = false }) {
  const seen = await currentStatus(context);
  if (json) process.stdout.write(`${JSON.stringify(seen, null, 2)}\n`);
  else context.terminal.say(describe(seen));
  if (!seen.isRunning) return EXIT_CODES.notRunning[0];
  return seen.isHealthy ? 0 : EXIT_CODES.unhealthy[0];
}

/** @param {import('../context.cjs').Context} context */
async function currentStatus({ layout }) {
  const launcher = runningLauncher(layout);
  if (!launcher) return { isRunning: false, isReady: false, isHealthy: false, home: layout.home, parts: [] };
  const state = await withFreshHealth(launcher.state);
  const isHealthy = Boolean(state.isReady) && state.parts.every((part) => part.isHealthy);
  return {
    isRunning: true,
    isReady: false,
    ...state,
    pid: launcher.pid,
    home: layout.home,
    isHealthy,
    disk: whyDiskIsFull(layout) ?? null,
  };
}

function describe(seen) {
  if (!seen.isRunning) return `Slipway is not running in ${seen.home}`;
  const lines = [
    `Slipway ${seen.isReady ? 'is running' : 'is starting'} in ${seen.home} (process ${seen.pid})`,
    '',
  ];
  for (const [name, value] of [
    ['console, API', seen.url],
    ['registry', seen.registry],
    ['Temporal UI', seen.temporalUi],
    ['mail', seen.mail],
    ['builds', seen.builds],
    ['disk', seen.disk],
    ['versions', versionsOf(seen)],
  ]) {
    if (value) lines.push(`  ${name.padEnd(15)}${value}`);
  }
  lines.push('');
  for (const part of seen.parts) {
    const restarts = part.restarts ? `, started again ${part.restarts} times` : '';
    lines.push(
      `  ${part.name.padEnd(15)}${part.state}${part.why ? ` (${part.why})` : ''}, process ${part.pid ?? '-'}${restarts}`,
    );
  }
  return lines.join('\n');
}

function versionsOf({ versions = {} }) {
  const known = Object.entries(versions).filter(([, version]) => version);
  return known.map(([name, version]) => `${name} ${version}`).join(', ');
}

module.exports = { status, currentStatus };
