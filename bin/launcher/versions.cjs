'use strict';

/**
 * The first dotted number of a text: `v22.19.0` and `go1.26` alike; undefined where there is none.
 * @param {string} text
 * @returns {number[] | undefined}
 */
function parseVersion(text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (!match) return undefined;
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/**
 * Whether the first version in `text` is `minimum` or newer; a text without a version is not.
 * @param {string} text
 * @param {string} minimum
 */
function isAtLeast(text, minimum) {
  const have = parseVersion(text);
  const need = parseVersion(minimum);
  if (!have || !need) return false;
  for (let i = 0; i < 3; i++) {
    if (have[i] !== need[i]) return have[i] > need[i];
  }
  return true;
}

module.exports = { parseVersion, isAtLeast };
