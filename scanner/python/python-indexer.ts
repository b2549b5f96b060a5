import { headerBlocks } from '../header-fields';
import type { Indexer, LayerFile, Warn } from '../layers/indexer';
import { joinPath, parentPath } from '../layers/layer-path';
import type { LayerFindings } from '../layers/layer-result';
import { textLines } from '../text-lines';
import { normalizedPep440 } from '../versions/pep440';
import { normalizePythonName } from './python-name';

type PythonFact = { type: 'metadata'; name: string; version: string } | { type: 'installer'; name: string };

const METADATA_FILE =
  /(^|\/)[^/]+(\.dist-info\/METADATA|\.egg-info|\.egg-info\/PKG-INFO|\.egg\/EGG-INFO\/PKG-INFO)$/;
const INSTALLER_FILE = /(^|\/)[^/]+\.dist-info\/INSTALLER$/;
/** Their packages are the distribution's, which is told by its own database. `debian` is what Debian's tools write. */
const OS_INSTALLERS = new Set(['rpm', 'dpkg', 'apk', 'debian']);
const FIELDS = new Set(['name', 'version']);
const MAX_NAME_LENGTH = 255;

/** Installed Python projects by their metadata files (scanning spec 2.5). */
export const pythonIndexer: Indexer<PythonFact> = {
  name: 'python',
  version: '1',
  kind: 'package',
  wants: ({ path }) => METADATA_FILE.test(path) || INSTALLER_FILE.test(path),
  parse: (file, warn) =>
    INSTALLER_FILE.test(file.path)
      ? { type: 'installer', name: file.content.toString('utf8', 0, 64).trim().toLowerCase() }
      : parseMetadata(file, warn),
  collect: (facts) => ({ packageFiles: collectPackageFiles(facts) }),
};

/** Whether the path is one that names a Python project. */
export function isPythonMetadata(path: string): boolean {
  return METADATA_FILE.test(path);
}

function parseMetadata({ path, content }: LayerFile, warn: Warn): PythonFact | undefined {
  const { value: header } = headerBlocks(textLines(content), FIELDS).next() as {
    value?: Map<string, string>;
  };
  const name = header?.get('name')?.trim();
  const version = header?.get('version')?.trim();
  if (!name || !version) {
    warn(`${path}: has no ${name ? 'Version' : 'Name'}`);
    return undefined;
  }
  if (name.length > MAX_NAME_LENGTH || version.length > MAX_NAME_LENGTH) {
    warn(`${path}: name or version is longer than ${MAX_NAME_LENGTH} characters`);
    return undefined;
  }
  return { type: 'metadata', name: normalizePythonName(name), version };
}

function collectPackageFiles(facts: ReadonlyMap<string, PythonFact>): LayerFindings['packageFiles'] {
  const files: LayerFindings['packageFiles'] = [];
  for (const [path, fact] of facts) {
    if (fact.type !== 'metadata') continue;
    const installer = facts.get(joinPath(parentPath(path), 'INSTALLER'));
    if (installer?.type === 'installer' && OS_INSTALLERS.has(installer.name)) continue;
    const { name, version } = fact;
    files.push({
      indexer: 'python',
      path,
      packageDb: `python:${siteFolder(path)}`,
      repository: 'pypi',
      packages: [{ name, version, kind: 'binary', arch: '', normalizedVersion: normalizedPep440(version) }],
    });
  }
  return files;
}

/** The folder that holds the `.dist-info`, `.egg-info` or `.egg` of a metadata file. */
function siteFolder(path: string): string {
  if (path.endsWith('.egg-info')) return parentPath(path);
  const folder = parentPath(path);
  return parentPath(path.endsWith('.egg/EGG-INFO/PKG-INFO') ? parentPath(folder) : folder);
}
