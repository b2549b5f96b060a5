'use strict';

const { refuseIfInterrupted } = require('./interruption.cjs');

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Steps with their time: a live line on a terminal, one plain line each elsewhere. */
function createProgress(stream = process.stdout) {
  const live = Boolean(stream.isTTY);
  let timer;
  let note = '';

  function clear() {
    if (live) stream.write('\r\u001b[K');
  }

  async function step(title, work) {
    const began = Date.now();
    let frame = 0;
    note = '';
    const draw = () => {
      clear();
      const seconds = Math.floor((Date.now() - began) / 1000);
      const text = `${FRAMES[frame++ % FRAMES.length]} ${title} ${seconds} s ${note}`;
      stream.write(text.slice(0, (stream.columns || 100) - 1));
    };
    if (live) timer = setInterval(draw, 100);
    else stream.write(`… ${title}\n`);
    try {
      const result = await work();
      end('✔', title, began);
      return result;
    } catch (error) {
      end('✘', title, began);
      throw error;
    }
  }

  function end(mark, title, began) {
    clearInterval(timer);
    clear();
    stream.write(`${mark} ${title} (${((Date.now() - began) / 1000).toFixed(1)} s)\n`);
  }

  return {
    step,
    /** What the running step is at right now. */
    note(text) {
      note = text.replace(/\s+/g, ' ');
    },
    /** A line that stays, above the running step. */
    line(text) {
      clear();
      stream.write(`    ${text}\n`);
    },
    heading(text) {
      stream.write(`\n${text}\n`);
    },
  };
}

/** Repeats `check` until it answers something; rejects with `what` after the deadline. */
async function until(what, deadlineMs, check) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    refuseIfInterrupted();
    const result = await check();
    if (result !== undefined && result !== null && result !== false) return result;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${Math.round(deadlineMs / 1000)} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

module.exports = { createProgress, until };
