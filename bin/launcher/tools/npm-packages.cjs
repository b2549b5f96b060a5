'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { plainReason } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { readJson } = require('../pid-records.cjs');

/**
 * Whether node_modules holds what the lockfile says. npm writes its own record last, so an interrupted installation does not fit.
 * @param {string} root
 */
function packagesFit(root) {
  const wanted = readJson(path.join(root, 'package-lock.json'))?.packages;
  const present = readJson(path.join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const installed = present[name];
    // Packages for other platforms are in the lockfile only.
    if (!installed) return Boolean(entry.optional || entry.devOptional || entry.peer);
    return installed.version === entry.version;
  });
}

/**
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {string} root
 */
async function ensurePackages(machine, terminal, root) {
  if (packagesFit(root)) return;
  const npm = machine.which('npm');
  if (!npm)
    throw new LauncherError(
      'packages',
      'npm is missing: install it (Debian: apt-get install npm), then try again',
    );
  const args = ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--fetch-retry-mintimeout=2000'];
  const { code, output } = await terminal.step('installing the npm packages', (detail) =>
    machine.capture(npm, args, {
      cwd: root,
      // Its warnings are for whoever keeps the dependencies, not for whoever waits.
      onLine: (line) => (/^npm (warn|notice)/i.test(line) ? undefined : detail(line)),
      env: { ...machine.env, NODE_ENV: 'development' },
    }),
  );
  if (code === 0 && fs.existsSync(path.join(root, 'node_modules'))) return;
  const errors = output
    .split('\n')
    .filter((line) => /^npm (ERR!|error)/.test(line) && !/complete log/.test(line));
  const why = plainReason(errors.slice(0, 8).join('\n') || output);
  throw new LauncherError(
    'packages',
    `npm ci failed (${why}): check the network and npm's registry setting, then try again`,
  );
}

module.exports = { packagesFit, ensurePackages };
