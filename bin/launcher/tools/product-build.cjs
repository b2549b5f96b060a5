'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { whyNotWritable } = require('../folders.cjs');
const { readJson, writeJson } = require('../pid-records.cjs');
const { notWritable } = require('./npm-packages.cjs');

const BUILD_INPUTS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const NOT_SOURCES = new Set(['node_modules', 'dist', 'test', 'bench', 'bin', 'web']);

/**
 * A digest over everything that the built product is made from; contents, not times, so that a checkout of the same is the same.
 * @param {string} root
 */
function sourceDigest(root) {
  const hash = crypto.createHash('sha256');
  for (const file of [...BUILD_INPUTS, ...sourceFiles(root)]) {
    const full = path.join(root, file);
    if (!fs.existsSync(full)) continue;
    hash.update(`${file}\0`).update(fs.readFileSync(full)).update('\0');
  }
  return hash.digest('hex');
}

function sourceFiles(root) {
  const rooms = fs.readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = [];
  for (const { name } of rooms) {
    if (name.startsWith('.') || NOT_SOURCES.has(name)) continue;
    files.push(...typeScriptBelow(root, name));
  }
  return files.sort();
}

function typeScriptBelow(root, folder) {
  return fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return typeScriptBelow(root, name);
    return entry.name.endsWith('.ts') ? [name] : [];
  });
}

const stampOf = (root) => path.join(root, 'dist', '.sources.json');

/** @param {string} root */
function isBuilt(root) {
  const stamp = readJson(stampOf(root));
  return fs.existsSync(path.join(root, 'dist', 'cli', 'main.js')) && stamp?.digest === sourceDigest(root);
}

/**
 * Builds `dist/` where it is missing or made from other sources.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {{ root: string, env: NodeJS.ProcessEnv, force?: boolean }} options `env` has the chosen Node first on PATH
 */
async function ensureBuilt(machine, terminal, { root, env, force = false }) {
  if (!force && isBuilt(root)) return;
  const reason = whyNotWritable(path.join(root, 'dist'));
  if (reason) throw notWritable(root, reason);
  const digest = sourceDigest(root);
  const { code, output } = await terminal.step('building', () =>
    runScript(machine, 'build:dist', { root, env }),
  );
  refuseIfCancelled();
  if (code !== 0) throw new LauncherError('build', `the build failed:\n${lastLines(output, 20)}`);
  writeJson(stampOf(root), { digest });
  // Others may run what one account built.
  fs.chmodSync(stampOf(root), 0o644);
}

/**
 * Runs a script of package.json without npm, which may be too old for the chosen Node.
 * @param {import('../machine.cjs').Machine} machine
 * @param {string} name
 * @param {{ root: string, env: NodeJS.ProcessEnv, onLine?: (line: string) => void }} options
 */
function runScript(machine, name, { root, env, onLine }) {
  const script = readJson(path.join(root, 'package.json')).scripts[name];
  return machine.capture('sh', ['-c', script], { cwd: root, env, onLine });
}

module.exports = { sourceDigest, isBuilt, ensureBuilt, runScript };
