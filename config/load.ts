import { readFileSync } from 'node:fs';

import { parse } from 'yaml';

import type { Config } from './schema';
import { configSchema } from './schema';

/** Every problem of a configuration at once, one per line, each with its field. */
export class ConfigError extends Error {
  constructor(readonly problems: string[]) {
    super(
      `the configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

/**
 * Reads `config.yaml` (path in `SLIPWAY_CONFIG`) and the environment, which wins, into one frozen object.
 * Objects and lists in the environment are written as JSON. Throws {@link ConfigError}.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return parseConfig({ ...readConfigFile(env.SLIPWAY_CONFIG), ...pickEnvironment(env) });
}

/** Validates values that somebody already holds as an object; tests and `loadConfig` share it. */
export function parseConfig(values: Record<string, unknown>): Config {
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`),
    );
  }
  return Object.freeze(parsed.data);
}

function readConfigFile(path: string | undefined): Record<string, unknown> {
  if (!path) return {};
  let document: unknown;
  try {
    document = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError([`${path}: ${cause instanceof Error ? cause.message : String(cause)}`]);
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new ConfigError([`${path}: must be a mapping`]);
  }
  return document as Record<string, unknown>;
}

function pickEnvironment(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const name of Object.keys(configSchema.shape)) {
    const text = env[name];
    if (text === undefined || text === '') continue;
    picked[name] = /^[[{]/.test(text) ? parseJson(name, text) : text;
  }
  return picked;
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError([`${name}: ${cause instanceof Error ? cause.message : String(cause)}`]);
  }
}
