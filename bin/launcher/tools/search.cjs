'use strict';

const { refuseIfCancelled } = require('../cancellation.cjs');

/**
 * One place to look. `find` answers what it found, or a string that says why not. A step with `obtains` changes the machine
 * (downloads, installs): it says what it would do, and `applies` whether it could.
 * @template T
 * @typedef {{ where: string, find: () => Promise<T | string>, obtains?: string, applies?: () => boolean | Promise<boolean> }} Step
 */

/**
 * Looks in the given order and stops at the first find. With `obtain: false` nothing on the machine is changed, and the first
 * obtaining step that applies is reported as `would`.
 * @template {object} T
 * @param {Step<T>[]} steps
 * @param {{ obtain?: boolean }} [options]
 * @returns {Promise<{ found?: T, where?: string, would?: string, tried: { where: string, why: string }[] }>}
 */
async function searchInOrder(steps, { obtain = true } = {}) {
  /** @type {{ where: string, why: string }[]} */
  const tried = [];
  for (const step of steps) {
    refuseIfCancelled();
    if (step.applies && !(await step.applies())) {
      tried.push({ where: step.where, why: 'not possible here' });
      continue;
    }
    if (step.obtains && !obtain) return { would: step.obtains, tried };
    const answer = await step.find();
    if (typeof answer !== 'string') return { found: answer, where: step.where, tried };
    tried.push({ where: step.where, why: answer });
  }
  return { tried };
}

/** The reasons of steps that were really tried, for the sentence that ends a vain search. */
function reasons(tried) {
  const told = tried.filter(({ why }) => !/^(not possible here|not set|nothing there)$/.test(why));
  return told.map(({ where, why }) => `${where}: ${why}`).join('; ') || 'none found';
}

module.exports = { searchInOrder, reasons };
