'use strict';

const { LauncherError } = require('../exit-codes.cjs');
const { TEST_COMMANDS } = require('../test-servers.cjs');

/**
 * Installs the packages of commands that scripts of the project call.
 * @param {import('../context.cjs').Context} context
 * @param {string[]} names
 */
async function tools({ packages }, names) {
  const unknown = names.filter((name) => !TEST_COMMANDS[name]);
  if (names.length === 0 || unknown.length > 0) {
    throw new LauncherError(
      'usage',
      `tools takes ${Object.keys(TEST_COMMANDS).join(', ')}${unknown[0] ? `, not "${unknown[0]}"` : ''}`,
    );
  }
  await packages.ensureCommands(
    Object.fromEntries(names.map((name) => [name, TEST_COMMANDS[name]])),
    'the command that runs now uses it',
  );
  return 0;
}

module.exports = { tools };
