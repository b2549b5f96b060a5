import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills what git left running for a clone: it does not end its ssh when it is stopped, and a host that keeps the
 * connection alive would keep that ssh for ever. Nothing else has this folder as its HOME. Without `/proc` (outside Linux)
 * nothing is found.
 */
export async function endProcessesAtHome(home: string): Promise<void> {
  const wanted = `\0HOME=${home}\0`;
  for (const pid of await processIds()) {
    if (`\0${await environmentOf(pid)}`.includes(wanted)) kill(Number(pid));
  }
}

async function processIds(): Promise<string[]> {
  try {
    return (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

async function environmentOf(pid: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It has ended, or belongs to somebody else.
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
