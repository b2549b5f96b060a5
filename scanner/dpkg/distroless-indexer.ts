import type { Indexer } from '../layers/indexer';
import { baseName, parentPath } from '../layers/layer-path';
import type { LayerFindings, LayerPackage } from '../layers/layer-result';
import { textLines } from '../text-lines';
import { dpkgRoot, ownedFiles, type PathPredicate } from './owned-files';
import { parseStanzas } from './stanza-packages';

type DistrolessFact = { type: 'stanzas'; packages: LayerPackage[] } | { type: 'md5sums'; files: string[] };

const MD5SUMS = '.md5sums';

/** Distroless images: each file in a folder `status.d` is a database of its own (scanning spec 2.3). */
export function createDistrolessIndexer(isPackageFile: PathPredicate): Indexer<DistrolessFact> {
  return {
    name: 'dpkg-distroless',
    version: '1',
    kind: 'package',
    wants: ({ path }) => baseName(parentPath(path)) === 'status.d',
    parse({ path, content }, warn) {
      if (path.endsWith(MD5SUMS)) {
        const claimed = Array.from(textLines(content), (line) => line.replace(/^\S+\s+/, ''));
        return { type: 'md5sums', files: ownedFiles(claimed, rootOf(path), isPackageFile) };
      }
      const packages = parseStanzas(content, { path, installedOnly: false, warn });
      return packages && { type: 'stanzas', packages };
    },
    collect(facts) {
      const databases: LayerFindings['databases'] = [];
      const ownership: LayerFindings['ownership'] = [];
      for (const [path, fact] of facts) {
        if (fact.type === 'stanzas') {
          databases.push({ indexer: 'dpkg-distroless', path, root: rootOf(path), packages: fact.packages });
        } else if (fact.files.length > 0) {
          ownership.push({ path, database: path.slice(0, -MD5SUMS.length), files: fact.files });
        }
      }
      return { databases, ownership };
    },
  };
}

function rootOf(path: string): string {
  return dpkgRoot(parentPath(parentPath(path)));
}
