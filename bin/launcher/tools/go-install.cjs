'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * `go install` of one command, with what it needs from the module proxy, into `draft`; answers what it printed where it failed.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ package: string, version: string }} program `package` is the import path; its last element names the command
 * @param {string} draft
 * @param {{ onLine?: (line: string) => void, timeoutMs?: number, niceness?: number }} [options]
 * @returns {Promise<string | undefined>}
 */
async function goInstall(machine, program, draft, options = {}) {
  const work = `${draft}.work`;
  fs.mkdirSync(work, { recursive: true });
  try {
    const { code, output } = await machine.capture(
      'go',
      ['install', `${program.package}@${program.version}`],
      {
        env: { ...machine.env, GOBIN: work },
        cwd: work,
        ...options,
      },
    );
    if (code !== 0) return output.trim() || 'it was ended';
    fs.renameSync(path.join(work, path.posix.basename(program.package)), draft);
    return undefined;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

module.exports = { goInstall };
