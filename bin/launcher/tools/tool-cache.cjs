'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');
const { whyNotWritable } = require('../folders.cjs');
const { withLock } = require('../lock-file.cjs');

/**
 * Puts something into the user's cache in one step, made once however many checkouts ask for it at the same time.
 * `make` writes to the draft path and answers a string where it failed; `existing` answers what lies there and works.
 * @template T
 * @param {import('../machine.cjs').Machine} machine
 * @param {string} name file or folder below the cache
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {{ existing: () => Promise<T | string>, make: (draft: string) => Promise<string | undefined> }} recipe
 * @returns {Promise<T | string>}
 */
async function fillCache(machine, name, terminal, { existing, make }) {
  const target = path.join(machine.cache, name);
  assertWritable(path.dirname(target));
  const onWait = (pid) => terminal.say(`waiting for process ${pid}, which is fetching the same`);
  return withLock(
    `${target}.lock`,
    async () => {
      const before = await existing();
      if (typeof before !== 'string') return before;
      const draft = `${target}.${process.pid}.new`;
      try {
        const failure = await make(draft);
        if (failure) return failure;
        fs.rmSync(target, { recursive: true, force: true });
        fs.renameSync(draft, target);
      } finally {
        fs.rmSync(draft, { recursive: true, force: true });
      }
      return existing();
    },
    { onWait },
  );
}

function assertWritable(folder) {
  const why = whyNotWritable(folder);
  if (!why) return;
  throw new LauncherError(
    'cache',
    `the cache folder ${folder} cannot be written (${why}): make it writable or set XDG_CACHE_HOME to a folder that is`,
  );
}

module.exports = { fillCache };
