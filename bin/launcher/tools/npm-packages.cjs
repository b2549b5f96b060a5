'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { whyNotWritable } = require('../folders.cjs');
const { readJson } = require('../pid-records.cjs');
const { fetchOptions, npmReason } = require('./npm-registry.cjs');

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
  const reason = whyNotWritable(root);
  if (reason) throw notWritable(root, reason);
  await terminal.step('installing the npm packages', (detail) => install(machine, root, { npm, detail }));
}

async function install(machine, root, { npm, detail }) {
  const { code, output } = await machine.capture(npm, ['ci', ...(await fetchOptions(machine, root))], {
    cwd: root,
    // Its warnings are for whoever keeps the dependencies, not for whoever waits.
    onLine: (line) => (/^npm (warn|notice)/i.test(line) ? undefined : detail(line)),
    env: { ...machine.env, NODE_ENV: 'development' },
  });
  refuseIfCancelled();
  if (code === 0 && fs.existsSync(path.join(root, 'node_modules'))) return;
  throw new LauncherError(
    'packages',
    `npm ci failed (${npmReason(output)}): check the network and npm's registry setting, then try again`,
  );
}

/** Of a checkout that belongs to somebody else. */
function notWritable(root, reason) {
  return new LauncherError(
    'packages',
    `the checkout ${root} cannot be written (${reason}), and its npm packages or its build are missing: make it writable, or run npm start once as its owner`,
  );
}

module.exports = { notWritable, packagesFit, ensurePackages };
