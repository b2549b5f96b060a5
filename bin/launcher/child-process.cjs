'use strict';

const os = require('node:os');
const { spawn } = require('node:child_process');

const { currentSignal } = require('./cancellation.cjs');

// A command that was asked to end and does not is killed.
const GRACE_MS = 2000;
// What a failing tool printed is kept for the message only, not for the log.
const KEPT_BYTES = 64 * 1024;

/**
 * Runs a command to its end and answers what it printed; a command that cannot be started answers code 127.
 * `onLine` sees each line as it comes.
 * When the work that it belongs to is given up, it is ended with all that it started; a `gentle` one is only asked, and may finish
 * what must not stay half-done.
 * @param {string} command
 * @param {string[]} args
 * `niceness` gives way to everything else that wants the processor, up to 19.
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, timeoutMs?: number, onLine?: (line: string) => void, gentle?: boolean, niceness?: number }} [options]
 * @returns {Promise<{ code: number, output: string, stdout: string }>}
 */
function capture(command, args, options = {}) {
  const cancelled = currentSignal();
  if (cancelled?.aborted) return Promise.resolve({ code: 130, output: 'interrupted', stdout: '' });
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // Ctrl-C reaches the launcher only; it decides what happens to its children.
      detached: true,
    });
    // What it starts later inherits it; one that could not be started has no id.
    if (options.niceness && child.pid) os.setPriority(child.pid, options.niceness);
    let output = '';
    let stdout = '';
    const collect = (isStdout) => (chunk) => {
      const text = String(chunk);
      output = (output + text).slice(-KEPT_BYTES);
      if (isStdout) stdout = (stdout + text).slice(-KEPT_BYTES);
      if (options.onLine) for (const line of text.split(/[\r\n]+/)) if (line.trim()) options.onLine(line);
    };
    child.stdout.on('data', collect(true));
    child.stderr.on('data', collect(false));
    if (child.stdin) {
      child.stdin.on('error', () => {});
      child.stdin.end(options.input);
    }
    const timer = options.timeoutMs && setTimeout(() => killGroup(child, 'SIGKILL'), options.timeoutMs);
    const end = () => (options.gentle ? child.kill('SIGINT') : endGroup(child));
    cancelled?.addEventListener('abort', end);
    const finish = (code) => {
      clearTimeout(timer || undefined);
      cancelled?.removeEventListener('abort', end);
      resolve({ code, output, stdout });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(127);
    });
    child.once('close', (code) => finish(code ?? 1));
  });
}

function endGroup(child) {
  killGroup(child, 'SIGTERM');
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), GRACE_MS);
  child.once('close', () => clearTimeout(timer));
}

function killGroup(child, signal) {
  if (!child.pid) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

/** The last lines that say something, for an error message. */
function lastLines(output, count = 1) {
  const lines = output.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return lines.slice(-count).join('\n').trim();
}

/** Why a tool failed, short enough for a sentence: what people can mend by name, else its last line. */
function plainReason(output) {
  if (/ENOSPC|no space left/i.test(output)) return 'no space left on the disk';
  if (
    /EAI_AGAIN|ENOTFOUND|ENOTCACHED|network is unreachable|no such host|could not resolve|temporary failure resolving/i.test(
      output,
    )
  )
    return 'no network';
  if (/ECONNREFUSED|ETIMEDOUT|ECONNRESET|i\/o timeout|connection refused/i.test(output))
    return 'the network does not answer';
  return lastLines(output).slice(0, 200);
}

module.exports = { capture, lastLines, plainReason };
