/** One of the two registries that are compared. */
export interface Side {
  name: 'slipway' | 'distribution';
  /** What exactly runs. */
  version: string;
  port: number;
  /** First part of the names of repositories. */
  namespace: string;
  /** Header lines that a new client sends with each request to a repository; a token of its own where there are any. */
  headersFor(repository: string): Promise<string>;
  /** Of the server and its children. */
  pids(): number[];
  /** Of the database behind it, where there is one. */
  databasePids(): number[];
  /** Takes the bytes of blobs from the disk, behind the server's back: they are never asked for again. */
  removeBlobs(digests: readonly string[]): void;
  /** Gives a repository with one tag so many in all, behind the server's back. */
  fillTags(repository: string, tag: string, count: number): Promise<void>;
  /** Asks for a token, where there is a token service. */
  tokenRequest?: { path: string; headers: string };
  healthPath: string;
  stop(): Promise<void>;
}

/** The name of the nth tag that `fillTags` makes. */
export function tagName(index: number): string {
  return `v${String(index).padStart(6, '0')}`;
}
