import type { Cell } from './cells';
import type { Ground } from './ground';
import type { Side } from './side';

/** One cell on one side in one round. */
export interface Measured {
  /** Requests, or blobs. */
  count: number;
  errors: string[];
  /** MiB a second where bytes are moved, else requests a second. */
  rate: number;
  p50Ms: number;
  p99Ms: number;
  firstByteMs: number;
  /** Milliseconds of processor time of all server processes: for each MiB, or each request. */
  cpuMs: number;
  databaseCpuMs: number;
  /** Summed over the server's processes. */
  peakMiB: number;
  /** Of the mixed cell: 99 of 100 manifests, and looks at the health. */
  manifestP99Ms?: number;
  healthP99Ms?: number;
}

export interface Run {
  side: Side;
  ground: Ground;
  cell: Cell;
  ms: number;
  quick: boolean;
}

/** What clients did: the time and bytes of each request. */
export interface Work {
  times: number[];
  firstBytes: number[];
  movedBytes: number;
  elapsedMs: number;
  errors: string[];
  extra?: Pick<Measured, 'manifestP99Ms' | 'healthP99Ms'>;
}
