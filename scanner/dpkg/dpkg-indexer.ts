import type { Indexer } from '../layers/indexer';
import { baseName, parentPath } from '../layers/layer-path';
import type { LayerFindings, LayerPackage } from '../layers/layer-result';
import { textLines } from '../text-lines';
import { dpkgRoot, ownedFiles, type PathPredicate } from './owned-files';
import { parseStanzas } from './stanza-packages';

type DpkgFact = { type: 'status'; packages: LayerPackage[] } | { type: 'list'; files: string[] };

const LIST_FILE = /(^|\/)info\/[^/]+\.list$/;

/**
 * dpkg's database: `status`, and the file lists beside it in `info` (scanning spec 2.3).
 * `isPackageFile` tells which owned files matter, namely those that an indexer of package files reads.
 */
export function createDpkgIndexer(isPackageFile: PathPredicate): Indexer<DpkgFact> {
  return {
    name: 'dpkg',
    version: '1',
    kind: 'package',
    wants: ({ path }) => baseName(path) === 'status' || LIST_FILE.test(path),
    parse({ path, content }, warn) {
      if (baseName(path) === 'status') {
        const packages = parseStanzas(content, { path, installedOnly: true, warn });
        return packages && { type: 'status', packages };
      }
      const root = dpkgRoot(parentPath(parentPath(path)));
      return { type: 'list', files: ownedFiles(textLines(content), root, isPackageFile) };
    },
    collect: (facts) => collectDatabases(facts),
  };
}

function collectDatabases(facts: ReadonlyMap<string, DpkgFact>): Partial<LayerFindings> {
  const databases: LayerFindings['databases'] = [];
  const ownership: LayerFindings['ownership'] = [];
  const foldersWithLists = new Set<string>();
  for (const [path, fact] of facts) {
    if (fact.type !== 'list') continue;
    const folder = parentPath(parentPath(path));
    foldersWithLists.add(folder);
    if (fact.files.length > 0) ownership.push({ path, database: `${folder}/status`, files: fact.files });
  }
  for (const [path, fact] of facts) {
    const folder = parentPath(path);
    if (fact.type === 'status' && (isDpkgFolder(folder) || foldersWithLists.has(folder))) {
      databases.push({ indexer: 'dpkg', path, root: dpkgRoot(folder), packages: fact.packages });
    }
  }
  return { databases, ownership };
}

/** Elsewhere a file called `status` is dpkg's only with an `info` folder beside it. */
function isDpkgFolder(folder: string): boolean {
  return folder === 'var/lib/dpkg' || folder.endsWith('/var/lib/dpkg');
}
