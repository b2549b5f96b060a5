import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

import { eventually } from '../../test/support/eventually';

export interface ServerProcess {
  pid: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

const running = new Set<() => void>();
process.on('exit', () => running.forEach((kill) => kill()));

/** Starts a server that prints into a file, as in production: nobody reads along and takes time from it. */
export async function startServer(
  command: string,
  args: string[],
  { logFile, url, env = {} }: { logFile: string; url: string; env?: NodeJS.ProcessEnv },
): Promise<ServerProcess> {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  const kill = () => void child.kill('SIGKILL');
  running.add(kill);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  }).then(() => void running.delete(kill));
  const started: ServerProcess = {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) {
        throw new Error(`${command} ended: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      const { status } = await fetch(url);
      if (status !== 200) throw new Error(`${command} is not ready: ${status}`);
    }, 60_000);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return started;
}
