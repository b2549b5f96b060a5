'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

const { LauncherError } = require('./exit-codes.cjs');

/** Which signal the running piece of work belongs to; commands and downloads ask for it wherever they are called. */
const signals = new AsyncLocalStorage();

/** Aborts when whoever wanted the present work gave it up; undefined where nobody can. */
function currentSignal() {
  return /** @type {AbortSignal | undefined} */ (signals.getStore());
}

/** Between two steps of long work: nothing new may begin once it was given up. */
function refuseIfCancelled() {
  if (currentSignal()?.aborted) throw new LauncherError('interrupted', 'interrupted');
}

/**
 * Runs `work` so that `cancel` ends what it runs; also cancelled with the work around it.
 * @template T
 * @param {(cancel: () => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function cancellable(work) {
  const own = new AbortController();
  const around = currentSignal();
  const cancel = () => own.abort();
  if (around?.aborted) cancel();
  around?.addEventListener('abort', cancel);
  try {
    return await signals.run(own.signal, () => work(cancel));
  } finally {
    around?.removeEventListener('abort', cancel);
  }
}

module.exports = { cancellable, currentSignal, refuseIfCancelled };
