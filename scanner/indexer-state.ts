import { hash } from 'node:crypto';

import { INDEXERS } from './indexers';
import type { ScannerIdentity } from './layers/indexer';
import { COALESCER } from './reports/coalesce-layers';

/**
 * The identity of everything that shapes an index report, 64 hex digits: reports and layer results of another state
 * are out of date (scanning spec 2.2).
 */
export function indexerState(scanners: readonly ScannerIdentity[] = [...INDEXERS, COALESCER]): string {
  const lines = scanners.map(({ kind, name, version }) => JSON.stringify([kind, name, version]));
  return hash('sha256', lines.sort().join('\n'));
}
