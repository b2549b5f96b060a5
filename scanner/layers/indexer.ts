import type { LayerFindings } from './layer-result';

/** What the indexer state is computed from; a change in a scanner's output needs a new version. */
export interface ScannerIdentity {
  readonly name: string;
  readonly version: string;
  readonly kind: 'package' | 'distribution' | 'coalescer';
}

interface LayerFileHeader {
  /** Normalised: no leading slash. */
  path: string;
  sizeBytes: number;
  mode: number;
}

export interface LayerFile extends LayerFileHeader {
  content: Buffer;
}

export type Warn = (message: string) => void;

/**
 * One detector. `parse` reduces a wanted file to a small fact, so that no content outlives the call; `collect` turns
 * the facts that are left at the end of the layer, by path, into findings. Neither may throw for bad content: a
 * `warn` and no fact is the answer.
 */
export interface Indexer<Fact = unknown> extends ScannerIdentity {
  wants(file: LayerFileHeader): boolean;
  parse(file: LayerFile, warn: Warn): Fact | undefined;
  collect(facts: ReadonlyMap<string, Fact>, warn: Warn): Partial<LayerFindings>;
}
