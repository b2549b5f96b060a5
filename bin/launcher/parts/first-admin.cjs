'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');

const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');

const ADMIN_NAME = 'admin';

/**
 * Makes the first administrator once. The password is written before the account is made, so a crash in between loses nothing.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ node: string, root: string, env: NodeJS.ProcessEnv, passwordFile: string }} options
 * @returns {Promise<{ name: string, passwordFile: string | null }>} no file where the account was there before and is somebody else's
 */
async function ensureFirstAdmin(machine, { node, root, env, passwordFile }) {
  if (fs.existsSync(passwordFile)) return { name: ADMIN_NAME, passwordFile };
  const pending = `${passwordFile}.new`;
  const isResumed = fs.existsSync(pending);
  if (!isResumed) {
    const draft = `${pending}.${process.pid}`;
    fs.writeFileSync(draft, `${crypto.randomBytes(15).toString('base64url')}\n`, { mode: 0o600 });
    fs.renameSync(draft, pending);
  }
  const args = [
    'dist/cli/main.js',
    'admin',
    'user',
    'create',
    ADMIN_NAME,
    '--superuser',
    '--email',
    'admin@localhost.localdomain',
  ];
  const { code, output } = await machine.capture(node, [...args, '--password-file', pending], {
    cwd: root,
    env,
  });
  if (code === 0 || (isResumed && /exists|taken|already/i.test(output))) {
    fs.renameSync(pending, passwordFile);
    return { name: ADMIN_NAME, passwordFile };
  }
  if (/exists|taken|already/i.test(output)) {
    fs.rmSync(pending, { force: true });
    return { name: ADMIN_NAME, passwordFile: null };
  }
  throw new LauncherError('partFailed', `the first administrator could not be made: ${lastLines(output, 3)}`);
}

module.exports = { ensureFirstAdmin };
