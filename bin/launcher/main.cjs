'use strict';

const path = require('node:path');

const { createContext } = require('./context.cjs');
const { EXIT_CODES, LauncherError } = require('./exit-codes.cjs');
const { COMMANDS, helpText } = require('./help.cjs');
const { ROOT } = require('./layout.cjs');
const { parseOptions } = require('./options.cjs');

/** Commands are loaded when called: `--help` must not wait for them. */
const RUN = {
  async start(context, args) {
    const options = parseOptions(args, { flags: ['yes', 'background'], values: ['parts'] });
    if (!options.background) return require('./commands/start.cjs').start(context, options);
    await require('./commands/background.cjs').startInBackground(context);
    return require('./commands/status.cjs').status(context, {});
  },
  async stop(context, args) {
    parseOptions(args, {});
    return require('./commands/stop.cjs').stop(context);
  },
  async status(context, args) {
    return require('./commands/status.cjs').status(context, parseOptions(args, { flags: ['json'] }));
  },
  async doctor(context, args) {
    parseOptions(args, {});
    return require('./commands/doctor.cjs').doctor(context);
  },
  async logs(context, args) {
    const { follow, rest } = parseOptions(args, {
      flags: ['follow'],
      short: { f: 'follow' },
      mostArguments: 1,
    });
    return require('./commands/logs.cjs').logs(context, { part: rest[0], follow });
  },
  async demo(context, args) {
    return require('./commands/demo.cjs').demo(
      context,
      parseOptions(args, { flags: ['yes', 'keep'], passesOn: true }),
    );
  },
  async test(context, args) {
    return require('./commands/test.cjs').test(
      context,
      parseOptions(args, { flags: ['yes'], passesOn: true }),
    );
  },
  async bench(context, args) {
    return require('./commands/bench.cjs').bench(
      context,
      parseOptions(args, { flags: ['yes'], passesOn: true }),
    );
  },
  async build(context, args) {
    parseOptions(args, {});
    return require('./commands/product-cli.cjs').build(context);
  },
  async exec(context, args) {
    return require('./commands/product-cli.cjs').execute(context, args);
  },
  async tools(context, args) {
    const { rest } = parseOptions(args, { flags: ['yes'], mostArguments: 20 });
    return require('./commands/tools.cjs').tools(context, rest);
  },
  async admin(context, args) {
    const { productCli, adminPassword } = require('./commands/product-cli.cjs');
    return args.length === 1 && args[0] === 'password'
      ? adminPassword(context)
      : productCli(context, ['admin', ...args]);
  },
};

/** Runs one command and ends the process with its exit code. */
async function main(args) {
  const code = await dispatch(args).catch(explain);
  // Output that a pipe has not taken yet must get out first.
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
  }
  process.exit(code);
}

async function dispatch([command, ...args]) {
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') {
    process.stdout.write(helpText(args[0]));
    return command === undefined ? EXIT_CODES.usage[0] : 0;
  }
  if (command === '--version' || command === 'version') {
    process.stdout.write(`${require(path.join(ROOT, 'package.json')).version}\n`);
    return 0;
  }
  if (command.startsWith('-'))
    throw new LauncherError('usage', `unknown option "${command}", see bin/slipway --help`);
  const wantsHelp = COMMANDS[command] && command !== 'exec' && ['--help', '-h'].includes(args[0]);
  if (wantsHelp) {
    process.stdout.write(helpText(command));
    return 0;
  }
  const run = RUN[command];
  // What these print is read by scripts: progress goes elsewhere.
  const isForScripts = !run || command === 'exec' || command === 'admin';
  const context = createContext({
    yes: args.includes('--yes'),
    out: isForScripts ? process.stderr : process.stdout,
  });
  if (run) return run(context, args);
  return require('./commands/product-cli.cjs').productCli(context, [command, ...args]);
}

function explain(error) {
  if (error instanceof LauncherError) {
    process.stderr.write(`slipway: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`slipway: unexpected error, please report it\n${error?.stack ?? error}\n`);
  return EXIT_CODES.unexpected[0];
}

module.exports = { main };
