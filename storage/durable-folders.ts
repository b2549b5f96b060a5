import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Folders whose own names are known to survive a power cut. A folder that is there may have been made a moment ago by another
 * call, or by a process that was killed before it could sync the folder above, so every process sees to each of them once.
 */
export class DurableFolders {
  private readonly settled = new Set<string>();

  /** Everything asked for lies below `root`, an absolute path. */
  constructor(private readonly root: string) {}

  /** Makes a folder, and those above it. */
  async make(folder: string): Promise<void> {
    const created = await mkdir(folder, { recursive: true });
    if (created === undefined) return;
    for (const path of upwards(folder, created)) this.settled.delete(path);
    // The root itself was made, maybe with others above it.
    if (this.root.startsWith(created)) {
      for (const path of upwards(this.root, created)) await syncFolder(dirname(path));
    }
  }

  /** What the folder names now survives a power cut when this returns. */
  async sync(folder: string): Promise<void> {
    await syncFolder(folder);
    for (const path of upwards(folder, this.root)) {
      if (this.settled.has(path)) continue;
      await this.settle(path);
      this.settled.add(path);
    }
  }

  private async settle(path: string): Promise<void> {
    try {
      await syncFolder(dirname(path));
    } catch (error) {
      // The root may be where a disk is mounted, in a folder that must not be read or knows no sync.
      if (path !== this.root) throw error;
    }
  }
}

/** The folder and those above it, `top` included, which is one of them. */
function upwards(folder: string, top: string): string[] {
  return folder === top ? [folder] : [folder, ...upwards(dirname(folder), top)];
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
