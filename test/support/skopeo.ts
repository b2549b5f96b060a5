import { execFileSync } from 'node:child_process';

/** The client itself; whoever runs the tests without it is told so. */
export function hasSkopeo(): boolean {
  try {
    execFileSync('skopeo', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
