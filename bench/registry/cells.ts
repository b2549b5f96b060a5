import { MIB } from './content';
import { tagName } from './side';

/** The least that counts as good enough (MUST) and what is aimed at (GOAL), as ratios to the peer; performance spec 2.6. */
export interface Bar {
  must: number;
  goal: number;
}

interface CellBase {
  name: string;
  clients: number;
  /** Of requests or bytes a second, ours by the peer's. */
  rate?: Bar;
  /** Of processor time for the same work, ours by the peer's. */
  cpu?: Bar;
  /** Of half of the times, ours by the peer's. */
  p50?: Bar;
  /** Milliseconds that 99 of 100 may take. */
  p99Ms?: Bar;
}

export type Cell =
  | (CellBase & { kind: 'push'; sizeBytes: number; chunked?: boolean })
  | (CellBase & { kind: 'pull'; sizeBytes: number })
  | (CellBase & {
      kind: 'request';
      method: 'GET' | 'HEAD';
      repository: string;
      path: (names: Names) => string;
    })
  | (CellBase & { kind: 'token' })
  | (CellBase & { kind: 'mixed' });

/** What requests name. */
export interface Names {
  manifest: string;
  layer: string;
}

export const TAG = 'v1';
export const SMALL = 'small';
export const TAG_COUNTS = [10, 1000, 100_000] as const;

export const tagRepository = (count: number): string => `tags-${count}`;

const GIB = 1024 * MIB;
const push = (size: string, sizeBytes: number, clients: number, bars: Partial<CellBase> = {}): Cell => ({
  ...{ kind: 'push', name: `push ${size} c=${clients}`, sizeBytes, clients },
  ...bars,
});
const pull = (size: string, sizeBytes: number, clients: number, rate?: Bar): Cell => ({
  ...{ kind: 'pull', name: `pull ${size} c=${clients}`, sizeBytes, clients },
  ...(rate && { rate }),
});
const request = (
  what: string,
  clients: number,
  [method, path]: ['GET' | 'HEAD', (names: Names) => string],
  { repository = SMALL, ...bars }: Partial<CellBase> & { repository?: string } = {},
): Cell => ({ kind: 'request', name: `${what} c=${clients}`, clients, method, repository, path, ...bars });

const byTag = () => `/manifests/${TAG}`;
const byDigest = ({ manifest }: Names) => `/manifests/${manifest}`;
const blob = ({ layer }: Names) => `/blobs/${layer}`;

/** In the order in which they run. */
export const CELLS: readonly Cell[] = [
  push('1 MiB', MIB, 1, { rate: { must: 1.3, goal: 1.8 } }),
  push('1 MiB', MIB, 4),
  push('1 MiB', MIB, 16, { rate: { must: 1.1, goal: 1.4 } }),
  { kind: 'push', name: 'push chunked 1 MiB c=4', sizeBytes: MIB, clients: 4, chunked: true },
  push('100 MiB', 100 * MIB, 1, { rate: { must: 1.05, goal: 1.3 }, cpu: { must: 1, goal: 0.7 } }),
  push('100 MiB', 100 * MIB, 4, { rate: { must: 1, goal: 1.2 } }),
  push('100 MiB', 100 * MIB, 16),
  push('1 GiB', GIB, 1),
  push('1 GiB', GIB, 4),
  pull('1 MiB', MIB, 1, { must: 1, goal: 1.4 }),
  pull('1 MiB', MIB, 4),
  pull('1 MiB', MIB, 16, { must: 1, goal: 1.6 }),
  pull('100 MiB', 100 * MIB, 1, { must: 0.9, goal: 1 }),
  pull('100 MiB', 100 * MIB, 4, { must: 0.9, goal: 1 }),
  pull('100 MiB', 100 * MIB, 16),
  pull('1 GiB', GIB, 1),
  pull('1 GiB', GIB, 4),
  request('GET manifest by tag', 16, ['GET', byTag], { rate: { must: 1, goal: 2.8 } }),
  request('GET manifest by digest', 16, ['GET', byDigest]),
  request('HEAD manifest by tag', 64, ['HEAD', byTag], { rate: { must: 1.5, goal: 3 } }),
  request('HEAD manifest by digest', 64, ['HEAD', byDigest]),
  request('HEAD blob', 64, ['HEAD', blob]),
  ...TAG_COUNTS.map((count) =>
    request(`first 100 of ${count} tags`, 4, ['GET', () => '/tags/list?n=100'], {
      repository: tagRepository(count),
    }),
  ),
  request('100 tags behind 90000', 4, ['GET', () => `/tags/list?n=100&last=${tagName(90_000)}`], {
    repository: tagRepository(100_000),
  }),
  { kind: 'token', name: 'token c=4', clients: 4 },
  {
    kind: 'mixed',
    name: 'pulls of 1 MiB beside 8 pushes',
    clients: 1,
    p50: { must: 1, goal: 0.4 },
    p99Ms: { must: 60, goal: 40 },
  },
];

/** What a run of these options measures; without what moves a gibibyte at a time when it is to be quick. */
export function chosenCells({ cells, quick }: { cells: string[]; quick: boolean }): Cell[] {
  return CELLS.filter(
    (cell) =>
      (cells.length === 0 || cells.some((word) => cell.name.includes(word))) &&
      !(quick && 'sizeBytes' in cell && cell.sizeBytes * cell.clients >= GIB),
  );
}
