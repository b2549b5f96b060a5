import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Whether memory of other processes can be read here, and its peaks reset. */
export function isMemoryKnown(): boolean {
  return existsSync('/proc/self/clear_refs');
}

/** The process itself, and all that it started. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** Resident memory now, in MiB; page cache is not in it. */
export function residentMib(pid: number): number {
  return readMib(pid, 'VmRSS');
}

/** The highest resident memory since `forgetPeak`, in MiB. */
export function peakMib(pid: number): number {
  return readMib(pid, 'VmHWM');
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function readMib(pid: number, key: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
