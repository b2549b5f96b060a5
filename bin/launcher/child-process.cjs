'use strict';

const { spawn } = require('node:child_process');

// What a failing tool printed is kept for the message only, not for the log.
const KEPT_BYTES = 64 * 1024;

/**
 * Runs a command to its end and answers what it printed; a command that cannot be started answers code 127.
 * `onLine` sees each line as it comes.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, timeoutMs?: number, onLine?: (line: string) => void }} [options]
 * @returns {Promise<{ code: number, output: string, stdout: string }>}
 */
function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // Ctrl-C reaches the launcher only; it decides what happens to its children.
      detached: true,
    });
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
    running.add(child);
    const timer = options.timeoutMs && setTimeout(() => killGroup(child, 'SIGKILL'), options.timeoutMs);
    const finish = (code) => {
      clearTimeout(timer || undefined);
      running.delete(child);
      resolve({ code, output, stdout });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(127);
    });
    child.once('close', (code) => finish(code ?? 1));
  });
}

/** Commands of `capture` that are under way; an interrupted launcher ends them. */
const running = new Set();

function killCaptured() {
  for (const child of running) killGroup(child, 'SIGTERM');
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
    /EAI_AGAIN|ENOTFOUND|network is unreachable|no such host|could not resolve|temporary failure resolving/i.test(
      output,
    )
  )
    return 'no network';
  if (/ECONNREFUSED|ETIMEDOUT|ECONNRESET|i\/o timeout|connection refused/i.test(output))
    return 'the network does not answer';
  return lastLines(output).slice(0, 200);
}

module.exports = { capture, killCaptured, lastLines, plainReason };
