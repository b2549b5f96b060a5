import type { ParseArgsOptionsConfig } from 'node:util';

import type { Config } from '../config/schema';

/** What the person typed, checked against the command's options. */
export interface CommandInput {
  positionals: string[];
  options: Record<string, string | boolean | undefined>;
}

export interface CommandOption {
  type: 'string' | 'boolean';
  /** Shown in place of the value: `<file>`. */
  value?: string;
  help: string;
}

export interface Command {
  /** What calls it: `['admin', 'user', 'create']`. */
  words: readonly string[];
  /** Names of the words that must follow. */
  positionals: readonly string[];
  summary: string;
  options: Readonly<Record<string, CommandOption>>;
  /** Answers the exit code; a sentence for the person is thrown as `CommandError`. */
  run(input: CommandInput, config: Config): Promise<number>;
}

/** Typed wrongly: exit code 2, with the way to the help. */
export class UsageError extends Error {}

/** Went wrong for a reason that the person can act on: one sentence, exit code 1. */
export class CommandError extends Error {}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function textOption({ options }: CommandInput, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function positional({ positionals }: CommandInput, index: number): string {
  return positionals[index] ?? '';
}

export function parseArgsOptions(options: Command['options']): ParseArgsOptionsConfig {
  const types = Object.entries(options).map(([name, { type }]) => [name, { type }] as const);
  return { ...Object.fromEntries(types), help: { type: 'boolean', short: 'h' } };
}
