import { createDistrolessIndexer } from './dpkg/distroless-indexer';
import { createDpkgIndexer } from './dpkg/dpkg-indexer';
import { osReleaseIndexer } from './distributions/os-release-indexer';
import type { Indexer } from './layers/indexer';
import { isPythonMetadata, pythonIndexer } from './python/python-indexer';

/** Everything that is looked for in a layer. A new ecosystem is one more entry here and one in `matching/matchers.ts`. */
export const INDEXERS: readonly Indexer[] = [
  createDpkgIndexer(isPythonMetadata),
  createDistrolessIndexer(isPythonMetadata),
  pythonIndexer,
  osReleaseIndexer,
];
