'use strict';

const fs = require('node:fs');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { plainReason } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');

// A host that does not answer is noticed within seconds; a slow line is not a dead one.
const APT_NETWORK = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=15'];
const POLICY = '/usr/sbin/policy-rc.d';
// A service that such a package brings would start at once and at every boot: Slipway runs private ones instead.
const UNITS = {
  'docker.io': ['docker.service', 'docker.socket', 'containerd.service'],
  'openssh-server': ['ssh.service', 'ssh.socket'],
  'nginx-light': ['nginx.service'],
};

/**
 * Debian packages, installed politely: it is said which and why, a person is asked, no service is left running.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {{ assumeYes?: boolean }} [options]
 */
function createSystemPackages(machine, terminal, { assumeYes = false } = {}) {
  const possible = machine.isRoot && machine.isDebian;

  /**
   * @param {string[]} names
   * @param {string} why the end of the sentence "… because"
   */
  async function install(names, why) {
    const list = names.join(' ');
    if (!possible) {
      throw new LauncherError(
        'systemPackage',
        `${list} is missing and only root on Debian gets it from here: install it yourself (${why})`,
      );
    }
    const question = `${why}: install the Debian package${names.length > 1 ? 's' : ''} ${list}?`;
    if (assumeYes || !terminal.isLive)
      terminal.say(`${why}: installing the Debian package${names.length > 1 ? 's' : ''} ${list}`);
    else if (!(await terminal.confirm(question))) {
      throw new LauncherError(
        'systemPackage',
        `${list} was not wanted (${why}): install it yourself, or answer yes next time`,
      );
    }
    await terminal.step(`installing ${list}`, (detail) =>
      withoutServices(machine, names, () => aptInstall(machine, names, detail)),
    );
  }

  /**
   * Installs the packages of those commands that are missing.
   * @param {Record<string, string>} packageOfCommand
   * @param {string} why
   */
  async function ensureCommands(packageOfCommand, why) {
    const missing = Object.entries(packageOfCommand).filter(([command]) => !machine.which(command));
    if (missing.length > 0) await install([...new Set(missing.map(([, name]) => name))], why);
  }

  return { possible, install, ensureCommands };
}

/** @typedef {ReturnType<typeof createSystemPackages>} SystemPackages */

async function aptInstall(machine, names, detail) {
  const env = { ...machine.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = [
    ...APT_NETWORK,
    '-y',
    '-q',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    'install',
    ...names,
  ];
  // Gentle: apt-get that is interrupted in the middle of a package finishes it first.
  const call = (command, args) => machine.capture(command, args, { env, onLine: detail, gentle: true });
  let result = await call('apt-get', install);
  if (result.code !== 0 && /dpkg --configure -a/.test(result.output)) {
    // An earlier installation was killed half-way.
    await call('dpkg', ['--configure', '-a']);
    result = await call('apt-get', install);
  }
  if (result.code !== 0) {
    // The lists may be missing (a fresh container) or stale: once more with new ones.
    const update = await call('apt-get', [...APT_NETWORK, '-q', '-o', 'DPkg::Lock::Timeout=300', 'update']);
    result = update.code === 0 ? await call('apt-get', install) : update;
  }
  if (result.code === 0) return;
  refuseIfCancelled();
  const list = names.join(' ');
  throw new LauncherError(
    'systemPackage',
    `apt-get could not install ${list} (${plainReason(result.output)}): check the network and the package sources, then try again`,
  );
}

/** Holds back the services of fresh packages, and takes away again only what it put there itself. */
async function withoutServices(machine, names, work) {
  const isOurs = !fs.existsSync(POLICY);
  if (isOurs)
    fs.writeFileSync(POLICY, '#!/bin/sh\n# Put here by slipway while it installs packages.\nexit 101\n', {
      mode: 0o755,
    });
  try {
    await work();
  } finally {
    if (isOurs) fs.rmSync(POLICY, { force: true });
  }
  const units = names.flatMap((name) => UNITS[name] ?? []);
  if (units.length > 0 && machine.which('systemctl'))
    await machine.capture('systemctl', ['disable', '--quiet', ...units]);
}

module.exports = { createSystemPackages };
