import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A client of registries with a home of its own: its credentials and caches are nobody else's. */
export class ClientProgram {
  readonly home = mkdtempSync(join(tmpdir(), 'slipway-client-'));

  constructor(
    private readonly command: string,
    /** Beside PATH and HOME. */
    readonly env: Record<string, string> = {},
  ) {}

  /** What it printed on standard output; throws with all that it printed where it fails. */
  async run(args: string[], options?: RunOptions): Promise<string> {
    return (await this.end(args, options)).stdout;
  }

  /** What it printed anywhere. */
  async runForAll(args: string[], options?: RunOptions): Promise<string> {
    const { stdout, stderr } = await this.end(args, options);
    return stdout + stderr;
  }

  /** A file or folder in its home. */
  path(...names: string[]): string {
    return join(this.home, ...names);
  }

  dispose(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  private async end(args: string[], { input = '', env = {} }: RunOptions = {}) {
    const child = spawn(this.command, args, {
      cwd: this.home,
      env: { PATH: process.env.PATH, HOME: this.home, ...this.env, ...env },
    });
    // A program that fails early does not read its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      child.exitCode === null ? once(child, 'close') : undefined,
    ]);
    if (child.exitCode !== 0) {
      throw new Error(`it ended with ${child.exitCode ?? child.signalCode}: ${stdout}${stderr}`);
    }
    return { stdout, stderr };
  }
}

interface RunOptions {
  input?: string | Buffer;
  env?: Record<string, string>;
}
