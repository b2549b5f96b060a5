import { headerBlocks, type HeaderFields } from '../header-fields';
import type { Warn } from '../layers/indexer';
import type { LayerPackage } from '../layers/layer-result';
import { textLines } from '../text-lines';

const VCPKG_FIELDS = ['port-version', 'default-features', 'feature'] as const;
const FIELDS = new Set(['package', 'status', 'version', 'architecture', 'source', ...VCPKG_FIELDS]);

/** Far beyond any real image; a hostile file shall not fill the memory. */
const MAX_PACKAGES = 100_000;
const MAX_TEXT_LENGTH = 255;

export interface StanzaOptions {
  path: string;
  /** Keep only what `Status` calls installed; distroless stanzas have no `Status`. */
  installedOnly: boolean;
  warn: Warn;
}

/**
 * Packages of a dpkg control file, one per name and architecture (scanning spec 2.3). A stanza that lacks a field is
 * left out with a warning. Undefined when the file is vcpkg's, which looks alike.
 */
export function parseStanzas(content: Buffer, options: StanzaOptions): LayerPackage[] | undefined {
  const packages = new Map<string, LayerPackage>();
  for (const stanza of headerBlocks(textLines(content), FIELDS)) {
    if (VCPKG_FIELDS.some((field) => stanza.has(field))) return undefined;
    if (options.installedOnly && !isInstalled(stanza)) continue;
    const found = packageOf(stanza, options);
    if (found) packages.set(`${found.name}:${found.arch}`, found);
    if (packages.size >= MAX_PACKAGES) {
      options.warn(`${options.path}: only the first ${MAX_PACKAGES} packages are read`);
      break;
    }
  }
  return [...packages.values()];
}

function isInstalled(stanza: HeaderFields): boolean {
  const words = (stanza.get('status') ?? '').split(/\s+/);
  return words.includes('ok') && words.includes('installed');
}

function packageOf(stanza: HeaderFields, { path, warn }: StanzaOptions): LayerPackage | undefined {
  const name = stanza.get('package');
  const version = stanza.get('version');
  const arch = stanza.get('architecture');
  if (!name || !version || !arch) {
    const missing = !name ? 'Package' : !version ? 'Version' : 'Architecture';
    warn(`${path}: stanza of package "${name ?? ''}" has no ${missing}`);
    return undefined;
  }
  const source = sourceOf(stanza.get('source') ?? '', { name, version });
  if ([name, version, arch, source.name, source.version].some((text) => text.length > MAX_TEXT_LENGTH)) {
    warn(
      `${path}: stanza of package "${name.slice(0, 80)}" has a field of more than ${MAX_TEXT_LENGTH} characters`,
    );
    return undefined;
  }
  return { name, version, kind: 'binary', arch, normalizedVersion: '', source };
}

/** `Source: name` or `Source: name (version)`; what is not said is as the binary package has it. */
function sourceOf(
  field: string,
  binary: { name: string; version: string },
): { name: string; version: string } {
  const match = /^([^\s(]+)\s*(?:\(([^)]*)\))?/.exec(field);
  return { name: match?.[1] ?? binary.name, version: match?.[2]?.trim() || binary.version };
}
