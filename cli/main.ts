import { parseArgs } from 'node:util';

import { ActError } from '../commands/act-error';
import { ConfigError, loadConfig } from '../config/load';
import { changePasswordCommand, createUserCommand } from './admin-user';
import { tokenCommand } from './admin-token';
import { checkCommand } from './check';
import type { Command, CommandInput } from './command';
import { CommandError, parseArgsOptions, print, UsageError } from './command';
import { fsckCommand } from './fsck/fsck-command';
import { helpOf, helpOfAll } from './help';
import { migrateCommand } from './migrate';

const COMMANDS: readonly Command[] = [
  migrateCommand,
  createUserCommand,
  changePasswordCommand,
  tokenCommand,
  checkCommand,
  fsckCommand,
];

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(words: string[]): Promise<number> {
  const command = COMMANDS.find((known) => known.words.every((word, index) => words[index] === word));
  if (!command) return explain(words);
  const input = parse(command, words.slice(command.words.length));
  if (input.options.help) {
    print(helpOf(command));
    return 0;
  }
  if (input.positionals.length !== command.positionals.length) {
    const wanted = command.positionals.map((name) => `<${name}>`).join(' ') || 'nothing';
    throw new UsageError(`"${command.words.join(' ')}" takes ${wanted} and its options`);
  }
  return command.run(input, loadConfig());
}

function parse(command: Command, args: string[]): CommandInput {
  try {
    const options = parseArgsOptions(command.options);
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { positionals, options: values as CommandInput['options'] };
  } catch (error) {
    // The first sentence names the option; the rest is about the parser.
    const [sentence] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(sentence, { cause: error });
  }
}

/** Help for a group of commands (`admin`), or for all. */
function explain(words: string[]): number {
  const group = words.filter((word) => !word.startsWith('-'));
  const known = COMMANDS.filter((command) => group.every((word, index) => command.words[index] === word));
  if (known.length === 0) throw new UsageError(`there is no command "${group.join(' ')}"`);
  const asked = words.includes('--help') || words.includes('-h');
  if (!asked && group.length > 0) throw new UsageError(`"${group.join(' ')}" needs a command after it`);
  print(helpOfAll(known));
  return asked ? 0 : EXIT_USAGE;
}

/** People get one sentence; what nobody foresaw keeps its stack. */
function report(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`slipway: ${error.message}; see --help\n`);
    return EXIT_USAGE;
  }
  const foreseen = error instanceof CommandError || error instanceof ActError || error instanceof ConfigError;
  const text =
    error instanceof Error ? (foreseen ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`slipway: ${text}\n`);
  return EXIT_FAILED;
}

/** Whoever reads the lines has seen enough, as `head` does: no reason for a stack. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_FAILED);
}

process.stdout.on('error', endQuietly);
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = report(error);
  },
);
