'use strict';

const { LauncherError } = require('./exit-codes.cjs');

/**
 * Reads `--flag`, `--name value`, `--name=value` and what else there is. An unknown option is an error unless `passesOn` says that the rest
 * belongs to somebody else.
 * @param {string[]} args
 * @param {{ flags?: string[], values?: string[], short?: Record<string, string>, passesOn?: boolean, mostArguments?: number }} known
 * @returns {{ rest: string[] } & Record<string, any>}
 */
function parseOptions(args, { flags = [], values = [], short = {}, passesOn = false, mostArguments = 0 }) {
  /** @type {{ rest: string[] } & Record<string, any>} */
  const options = { rest: [] };
  for (let i = 0; i < args.length; i++) {
    const [, dashes, name, value] = /^(--?)([a-z-]+)(?:=(.*))?$/.exec(args[i]) ?? [];
    const full = dashes === '-' ? short[name] : name;
    if (full && flags.includes(full) && value === undefined) options[full] = true;
    else if (full && values.includes(full)) options[full] = value ?? args[++i];
    else if (passesOn) options.rest.push(args[i]);
    else if (args[i].startsWith('-'))
      throw new LauncherError('usage', `unknown option "${args[i]}", see --help`);
    else options.rest.push(args[i]);
  }
  if (!passesOn && options.rest.length > mostArguments) {
    throw new LauncherError('usage', `unexpected argument "${options.rest[mostArguments]}", see --help`);
  }
  return options;
}

module.exports = { parseOptions };
