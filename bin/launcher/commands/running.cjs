'use strict';

const { LauncherError } = require('../exit-codes.cjs');
const { askHealth } = require('../parts/readiness.cjs');
const { isSameProcess, readJson } = require('../pid-records.cjs');

/**
 * The launcher that runs in this data folder, with what it says of itself; undefined where none does.
 * @param {import('../layout.cjs').Layout} layout
 * @returns {{ pid: number, startTime: string, state: Record<string, any> } | undefined}
 */
function runningLauncher(layout) {
  const holder = readJson(layout.launcher);
  if (!holder || !isSameProcess(holder)) return undefined;
  const state = readJson(layout.state);
  return { ...holder, state: state?.pid === holder.pid ? state : { isReady: false, parts: [] } };
}

/** @param {import('../layout.cjs').Layout} layout */
function needRunning(layout) {
  const launcher = runningLauncher(layout);
  if (launcher?.state.isReady) return launcher;
  const what = launcher
    ? `is still starting in ${layout.home}: wait until it is ready`
    : `is not running in ${layout.home}: start it with npm start`;
  throw new LauncherError('notRunning', `Slipway ${what}`);
}

/**
 * Asks every part now, in place of what was seen last.
 * @param {Record<string, any>} state
 */
async function withFreshHealth(state) {
  const parts = await Promise.all(
    state.parts.map(async (part) => {
      if (part.state !== 'ready' && part.state !== 'unhealthy') return { ...part, isHealthy: false };
      const { isReady, why } = await askHealth(part.ready, part.healthPort);
      return { ...part, isHealthy: isReady, state: isReady ? 'ready' : 'unhealthy', why };
    }),
  );
  return { ...state, parts };
}

module.exports = { runningLauncher, needRunning, withFreshHealth };
