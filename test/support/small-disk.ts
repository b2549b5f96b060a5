import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that is full at will. */
export interface SmallDisk {
  path: string;
  /** Fills it but for this many bytes. */
  fill(leaveBytes?: number): void;
  empty(): void;
  /** Lets nothing be written, or everything again. Fails while a file is open for writing. */
  setReadOnly(isReadOnly: boolean): void;
  dispose(): void;
}

/** Undefined where nothing may be mounted: only root may, and not in every container. */
export function mountSmallDisk(sizeMib: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'slipway-test-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    fill(leaveBytes = 0) {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, Number(bavail) * Number(bsize) - leaveBytes)));
    },
    empty: () => rmSync(ballast, { force: true }),
    setReadOnly(isReadOnly) {
      execFileSync('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, path], { stdio: 'ignore' });
    },
    dispose() {
      execFileSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export const NO_SMALL_DISK = 'no file system may be mounted here';
