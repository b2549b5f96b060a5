import type { Indexer } from '../layers/indexer';
import { joinPath } from '../layers/layer-path';
import type { LayerDistribution } from '../layers/layer-result';
import { detectDistribution } from './detect-distribution';
import { parseOsRelease } from './os-release';

/** Known to be an os-release even when it names no distribution of ours. */
interface OsRelease {
  detected?: Omit<LayerDistribution, 'root'>;
}

const OS_RELEASE = /^(?:(.*)\/)?(etc|usr\/lib)\/os-release$/;

/** The distribution of a layer, one per root; `etc` goes before `usr/lib` (scanning spec 2.4). */
export const osReleaseIndexer: Indexer<OsRelease> = {
  name: 'os-release',
  version: '1',
  kind: 'distribution',
  wants: ({ path }) => OS_RELEASE.test(path),
  parse: ({ content }) => ({ detected: detectDistribution(parseOsRelease(content)) }),
  collect(facts) {
    const roots = new Set(Array.from(facts.keys(), rootOf));
    const distributions: LayerDistribution[] = [];
    for (const root of [...roots].sort()) {
      const found =
        facts.get(joinPath(root, 'etc/os-release')) ?? facts.get(joinPath(root, 'usr/lib/os-release'));
      if (found?.detected) distributions.push({ root, ...found.detected });
    }
    return { distributions };
  },
};

function rootOf(path: string): string {
  return OS_RELEASE.exec(path)?.[1] ?? '';
}
