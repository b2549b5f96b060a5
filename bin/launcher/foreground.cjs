'use strict';

const { spawn } = require('node:child_process');

/**
 * Runs a command on this terminal and answers its exit code. Ctrl-C reaches it directly; the launcher waits for what it makes of it.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env: NodeJS.ProcessEnv, onOutput?: (chunk: string) => void }} options `onOutput` sees what it prints
 * @returns {Promise<number>}
 */
function runHere(command, args, { cwd, env, onOutput }) {
  return new Promise((resolve, reject) => {
    const output = onOutput ? 'pipe' : 'inherit';
    const child = spawn(command, args, { cwd, env, stdio: ['inherit', output, output] });
    // At a terminal Ctrl-C has reached it already.
    const wait = () => process.stdin.isTTY || child.kill('SIGINT');
    const forward = () => child.kill('SIGTERM');
    process.on('SIGINT', wait);
    process.on('SIGTERM', forward);
    process.on('SIGHUP', forward);
    if (onOutput) {
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk) => onOutput(String(chunk)));
      child.stdout?.pipe(process.stdout, { end: false });
      child.stderr?.pipe(process.stderr, { end: false });
    }
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('SIGINT', wait);
      process.off('SIGTERM', forward);
      process.off('SIGHUP', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

module.exports = { runHere };
