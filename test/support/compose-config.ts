import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const SOURCE = join(__dirname, 'compose-config');
/** Of compose-go, as `compose-config/go.mod` pins it; the binary is kept in the user's cache under its name. */
const VERSION = 'v2.16.2';

export interface ComposeService {
  image?: string;
  command?: string[] | null;
  user?: string;
  privileged?: boolean;
  read_only?: boolean;
  init?: boolean;
  restart?: string;
  stop_grace_period?: string;
  environment?: Record<string, string>;
  deploy?: { replicas?: number };
  healthcheck?: { test?: string[]; disable?: boolean };
  ports?: { host_ip?: string; published?: string; target: number }[];
  networks?: Record<string, { aliases?: string[] } | null>;
  volumes?: { type: string; source: string; target: string; read_only?: boolean }[];
  depends_on?: Record<string, { condition: string }>;
}

export interface ComposeProject {
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
}

let tool: string | { missing: string } | undefined;

/** Path of the program that resolves compose files, or why there is none; built with Go once per user. */
export function composeTool(): string | { missing: string } {
  tool ??= findTool();
  return tool;
}

function findTool(): string | { missing: string } {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'slipway', 'bin');
  const path = join(cache, `compose-config-${VERSION}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const draft = `${path}.${process.pid}`;
  try {
    execFileSync('go', ['build', '-o', draft, '.'], { cwd: SOURCE, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    return { missing: `no Go to build compose-go with: ${(error as Error).message.slice(0, 300)}` };
  }
  renameSync(draft, path);
  return path;
}

/** `docker compose --env-file .env.example config` with these variables in the environment; throws what it printed. */
export function composeConfig(variables: Record<string, string>): ComposeProject {
  const path = composeTool();
  if (typeof path !== 'string') throw new Error(path.missing);
  const { status, stdout, stderr } = spawnSync(path, ['docker-compose.yml', '.env.example'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...variables },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as ComposeProject;
}
