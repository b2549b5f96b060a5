'use strict';

const { killCaptured } = require('./child-process.cjs');
const { LauncherError } = require('./exit-codes.cjs');

// npm passes Ctrl-C on to a child that got it from the terminal too: the echo is not a second wish.
const ECHO_MS = 1500;

/**
 * Listens for Ctrl-C, SIGTERM and a closed terminal.
 * @param {{ onSecond?: () => void }} [options] called when somebody asks again while the first request is being carried out
 */
function listenForInterrupt({ onSecond = () => {} } = {}) {
  let firstAt = 0;
  let announce = () => {};
  /** @type {Promise<void>} */
  const requested = new Promise((resolve) => (announce = resolve));
  const listener = () => {
    if (firstAt === 0) {
      firstAt = Date.now();
      announce();
    } else if (Date.now() - firstAt > ECHO_MS) onSecond();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, listener);

  /**
   * What `work` answers, unless an interrupt comes first: then its commands are ended and it throws.
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  async function unlessInterrupted(work) {
    const guarded = work.catch((error) => {
      throw firstAt === 0 ? error : new LauncherError('interrupted', 'interrupted');
    });
    guarded.catch(() => {});
    const interrupted = requested.then(async () => {
      killCaptured();
      // Let it clean up what it was making.
      await Promise.race([work.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 3000).unref())]);
      throw new LauncherError('interrupted', 'interrupted');
    });
    interrupted.catch(() => {});
    return Promise.race([guarded, interrupted]);
  }

  const release = () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, listener);
  };
  return { requested, unlessInterrupted, release };
}

/**
 * Runs something that only fetches or builds: an interrupt ends its commands, and it throws.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function interruptible(work) {
  const interrupt = listenForInterrupt();
  try {
    return await interrupt.unlessInterrupted(work());
  } finally {
    interrupt.release();
  }
}

/**
 * Waits for all; when one fails the commands of the others are ended, and the first failure is thrown after they cleaned up.
 * @template {readonly Promise<any>[]} T
 * @param {T} works
 * @returns {Promise<{ [K in keyof T]: Awaited<T[K]> }>}
 */
async function together(works) {
  let failure;
  const watched = works.map((work) =>
    work.catch((error) => {
      failure ??= { error };
      killCaptured();
    }),
  );
  const results = await Promise.all(watched);
  if (failure) throw failure.error;
  return /** @type {any} */ (results);
}

module.exports = { listenForInterrupt, interruptible, together };
