import type { Command } from './command';

/** `slipway admin user create <name> [options]` */
function usageOf({ words, positionals, options }: Command): string {
  const parts = ['slipway', ...words, ...positionals.map((name) => `<${name}>`)];
  return [...parts, ...(Object.keys(options).length > 0 ? ['[options]'] : [])].join(' ');
}

export function helpOf(command: Command): string {
  const rows = Object.entries(command.options).map(
    ([name, { value, help }]) => [`--${name}${value ? ` ${value}` : ''}`, help] as const,
  );
  const lines = [`usage: ${usageOf(command)}`, '', command.summary];
  return [...lines, ...(rows.length > 0 ? ['', ...table(rows)] : [])].join('\n');
}

export function helpOfAll(commands: readonly Command[]): string {
  const rows = commands.map((command) => [usageOf(command), command.summary] as const);
  return [
    'usage: slipway <command>',
    '',
    ...table(rows),
    '',
    'Each command explains itself with --help.',
  ].join('\n');
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
