/** The outbox key of a scan, which waits neither for other scans nor for builds. */
export function scanKey(repositoryId: number, digest: string): string {
  return `scan:${repositoryId}:${digest}`;
}
