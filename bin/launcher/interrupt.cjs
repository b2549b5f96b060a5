'use strict';

const { cancellable } = require('./cancellation.cjs');
const { LauncherError } = require('./exit-codes.cjs');

// npm passes Ctrl-C on to a child that got it from the terminal too: the echo is not a second wish.
const ECHO_MS = 1500;

// apt-get may be in the middle of a package; everything else is gone after a moment.
const LONGEST_END_MS = 60_000;

/**
 * Listens for Ctrl-C, SIGTERM and a closed terminal.
 * @param {{ onFirst?: () => void, onSecond?: () => void }} [options] `onSecond`: somebody asks again while the first request is being carried out
 */
function listenForInterrupt({ onFirst = () => {}, onSecond = () => {} } = {}) {
  let firstAt = 0;
  let announce = () => {};
  let insist = () => {};
  /** @type {Promise<void>} */
  const requested = new Promise((resolve) => (announce = resolve));
  /** @type {Promise<void>} */
  const insisted = new Promise((resolve) => (insist = resolve));
  const listener = () => {
    if (firstAt === 0) {
      firstAt = Date.now();
      onFirst();
      announce();
    } else if (Date.now() - firstAt > ECHO_MS) {
      onSecond();
      insist();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, listener);

  /**
   * What `work` answers, unless an interrupt comes first: then its commands are ended, and it throws once they are gone.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  function unlessInterrupted(work) {
    return cancellable(async (cancel) => {
      if (firstAt !== 0) throw new LauncherError('interrupted', 'interrupted');
      const guarded = work().catch((error) => {
        throw firstAt === 0 ? error : new LauncherError('interrupted', 'interrupted');
      });
      guarded.catch(() => {});
      const interrupted = requested.then(async () => {
        cancel();
        const tooLong = new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS).unref());
        await Promise.race([guarded.catch(() => {}), insisted, tooLong]);
        throw new LauncherError('interrupted', 'interrupted');
      });
      interrupted.catch(() => {});
      return Promise.race([guarded, interrupted]);
    });
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
    return await interrupt.unlessInterrupted(work);
  } finally {
    interrupt.release();
  }
}

/**
 * Waits for all; when one fails the commands of the others are ended, and the first failure is thrown after they cleaned up.
 * @template {readonly (() => Promise<any>)[]} T
 * @param {T} works
 * @returns {Promise<{ [K in keyof T]: Awaited<ReturnType<T[K]>> }>}
 */
function together(works) {
  return cancellable(async (cancel) => {
    let failure;
    const watched = works.map((work) =>
      work().catch((error) => {
        failure ??= { error };
        cancel();
      }),
    );
    const results = await Promise.all(watched);
    if (failure) throw failure.error;
    return /** @type {any} */ (results);
  });
}

module.exports = { listenForInterrupt, interruptible, together };
