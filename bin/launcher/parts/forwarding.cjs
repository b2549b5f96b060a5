'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { readJson, writeJson } = require('../pid-records.cjs');

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

/**
 * A Docker engine switches forwarding on and its policy to DROP, for the whole machine. Notes how it was, once.
 * @param {import('../machine.cjs').Machine} machine
 * @param {string} folder
 */
async function rememberForwarding(machine, folder) {
  const note = noteIn(folder);
  if (fs.existsSync(note) || !fs.existsSync(IP_FORWARD) || enginesLeft().length > 0) return;
  const { stdout } = await machine.capture('iptables', ['-w', '-S', 'FORWARD'], { timeoutMs: 10_000 });
  const policy = /^-P FORWARD (\w+)/m.exec(stdout)?.[1];
  if (policy) writeJson(note, { policy, ipForward: fs.readFileSync(IP_FORWARD, 'utf8').trim() });
}

/** Puts back what was noted, unless another engine needs it by now. */
async function restoreForwarding(machine, folder) {
  const note = readJson(noteIn(folder));
  if (!note) return;
  if (enginesLeft().length === 0) {
    await machine.capture('iptables', ['-w', '-P', 'FORWARD', note.policy], { timeoutMs: 10_000 });
    fs.writeFileSync(IP_FORWARD, note.ipForward);
  }
  fs.rmSync(noteIn(folder), { force: true });
}

const noteIn = (folder) => path.join(folder, 'forwarding-before.json');

/** Bridges of engines, ours and others. */
function enginesLeft() {
  return fs.readdirSync('/sys/class/net').filter((name) => /^(docker|slw|br-)/.test(name));
}

module.exports = { rememberForwarding, restoreForwarding };
