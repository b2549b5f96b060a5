import { coalesceLayers } from '../../scanner/reports/coalesce-layers';
import type { IndexReport } from '../../scanner/reports/index-report';
import { type LayerEntry, LayerIndexer, type LayerLimits } from '../../scanner/layers/layer-indexer';
import type { LayerResult } from '../../scanner/layers/layer-result';

/** A file by its content, a folder, or a link by its target. */
export type FixtureEntry = [
  path: string,
  content: string | Buffer | { dir: true } | { symlink: string } | { hardlink: string },
];

export async function indexLayer(
  entries: FixtureEntry[],
  limits: Partial<LayerLimits> = {},
): Promise<LayerResult> {
  const indexer = new LayerIndexer(limits);
  for (const [path, content] of entries) await indexer.add(toLayerEntry(path, content));
  return indexer.finish();
}

function toLayerEntry(path: string, content: FixtureEntry[1]): LayerEntry {
  const read = () => Promise.reject(new Error(`${path} is no file and must not be read`));
  if (typeof content === 'string' || Buffer.isBuffer(content)) {
    const bytes = Buffer.from(content);
    return { path, type: 'file', sizeBytes: bytes.length, mode: 0o644, read: () => Promise.resolve(bytes) };
  }
  if ('symlink' in content) return { path, type: 'symlink', linkName: content.symlink, sizeBytes: 0, read };
  if ('hardlink' in content) {
    return { path, type: 'hardlink', linkName: content.hardlink, sizeBytes: 0, read };
  }
  return { path, type: 'directory', sizeBytes: 0, read };
}

/** Indexes layers given base first and coalesces them; the digests are `layer0`, `layer1` … */
export async function indexImage(...layers: FixtureEntry[][]): Promise<IndexReport> {
  // Through JSON, as results are stored between the two steps.
  const results = await Promise.all(layers.map((entries) => indexLayer(entries)));
  const stored = JSON.parse(JSON.stringify(results)) as LayerResult[];
  return coalesceLayers(
    'sha256:manifest',
    stored.map((result, index) => ({ digest: `layer${index}`, result })),
  );
}

export const BOOKWORM = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`;

interface Stanza {
  name: string;
  version: string;
  arch?: string;
  source?: string;
  status?: string;
}

/** The text of a dpkg `status` file. */
export function dpkgStatus(...stanzas: Stanza[]): string {
  return stanzas
    .map(({ name, version, arch = 'amd64', source, status = 'install ok installed' }) =>
      [
        `Package: ${name}`,
        `Status: ${status}`,
        `Architecture: ${arch}`,
        ...(source ? [`Source: ${source}`] : []),
        `Version: ${version}`,
        'Description: a package',
        ' with a long text',
        ' .',
        ' Version: of no interest here',
      ].join('\n'),
    )
    .join('\n\n');
}

export const SITE = 'usr/local/lib/python3.11/site-packages';

/** The entry of an installed Python project. */
export function distInfo(name: string, version: string, site = SITE): FixtureEntry {
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n\nName: not this\n`;
  return [`${site}/${name.replaceAll('-', '_')}-${version}.dist-info/METADATA`, metadata];
}

/** `name version introduced_in` of every package of a report, sorted. */
export function packageLines(report: IndexReport): string[] {
  return Object.values(report.packages)
    .map(({ id, name, version }) => `${name} ${version} ${report.environments[id]?.[0]?.introduced_in ?? ''}`)
    .sort();
}
