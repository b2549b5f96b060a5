'use strict';

const readline = require('node:readline');

const { currentSignal } = require('./cancellation.cjs');

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const QUIET_MS = 1000;
const REMINDER_MS = 30_000;

/**
 * Says what goes on: a live line with seconds on a terminal, plain lines elsewhere. Steps below one second stay silent.
 * @param {{ out?: NodeJS.WritableStream & { isTTY?: boolean, columns?: number }, input?: NodeJS.ReadStream }} [streams]
 */
function createTerminal({ out = process.stdout, input = process.stdin } = {}) {
  const isLive = Boolean(out.isTTY) && process.env.TERM !== 'dumb';
  const running = new Set();
  let frame = 0;
  let ticker;
  let isAsking = false;
  // A closed pipe must not end the launcher: its children would be left alone.
  out.on('error', () => {});

  const clearLine = () => isLive && running.size > 0 && !isAsking && out.write('\r\x1b[2K');
  const say = (text) => {
    clearLine();
    out.write(`${text}\n`);
    draw();
  };

  function draw() {
    if (!isLive || running.size === 0 || isAsking) return;
    const now = Date.now();
    const shown = [...running].filter((step) => now - step.since >= QUIET_MS / 3);
    if (shown.length === 0) return;
    const texts = shown.map((step) => {
      const detail = step.detail ? `: ${step.detail}` : '';
      return `${step.title} ${seconds(now - step.since)}${detail}`;
    });
    const line = `${FRAMES[frame % FRAMES.length]} ${texts.join(' · ')}`;
    out.write(`\r\x1b[2K${clip(line, (out.columns || 80) - 1)}`);
  }

  function tick() {
    frame += 1;
    if (isLive) return draw();
    const now = Date.now();
    for (const step of running) {
      if (now - step.saidAt < (step.saidAt === step.since ? QUIET_MS : REMINDER_MS)) continue;
      step.saidAt = now;
      const detail = step.detail ? `: ${step.detail}` : '';
      out.write(
        `${step.title} … ${now - step.since > 2 * QUIET_MS ? seconds(now - step.since) : ''}${detail}`.trimEnd() +
          '\n',
      );
    }
  }

  /**
   * Runs `work` as a step that is shown while it lasts; `work` may call its argument with a short detail. An answer that is a
   * text counts as the reason why it failed.
   * @template T
   * @param {string} title
   * @param {(detail: (text: string) => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async function step(title, work) {
    const since = Date.now();
    const entry = { title, since, saidAt: since, detail: '' };
    running.add(entry);
    ticker ??= setInterval(tick, isLive ? 100 : 250);
    let mark = '✗';
    try {
      const result = await work((text) => (entry.detail = clip(text.replace(/\s+/g, ' ').trim(), 100)));
      if (typeof result !== 'string') mark = '✓';
      return result;
    } finally {
      clearLine();
      running.delete(entry);
      if (running.size === 0) {
        clearInterval(ticker);
        ticker = undefined;
      }
      const tookMs = Date.now() - since;
      if (mark === '✗' || tookMs >= QUIET_MS) say(`${mark} ${title} (${seconds(tookMs)})`);
      draw();
    }
  }

  /** Asks a person yes or no; without a person at the terminal the answer is yes. */
  async function confirm(question) {
    if (!input.isTTY || !out.isTTY) return true;
    clearLine();
    isAsking = true;
    const lines = readline.createInterface({ input, output: out });
    const giveUp = () => lines.close();
    currentSignal()?.addEventListener('abort', giveUp);
    try {
      const answer = await new Promise((resolve) => {
        lines.once('close', () => resolve('n'));
        lines.once('SIGINT', () => process.emit('SIGINT'));
        lines.question(`${question} [Y/n] `, resolve);
      });
      return /^\s*(y|yes)?\s*$/i.test(answer);
    } finally {
      currentSignal()?.removeEventListener('abort', giveUp);
      lines.close();
      isAsking = false;
    }
  }

  return { say, step, confirm, isLive };
}

function seconds(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function clip(text, width) {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** @typedef {ReturnType<typeof createTerminal>} Terminal */

module.exports = { createTerminal, seconds };
