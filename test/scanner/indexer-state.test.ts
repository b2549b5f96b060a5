import assert from 'node:assert/strict';

import { indexerState } from '../../scanner/indexer-state';
import type { ScannerIdentity } from '../../scanner/layers/indexer';

const SCANNERS: ScannerIdentity[] = [
  { name: 'python', version: '1', kind: 'package' },
  { name: 'dpkg', version: '2', kind: 'package' },
];

describe('indexerState', () => {
  it('is 64 hex digits and the same every time', () => {
    assert.match(indexerState(), /^[0-9a-f]{64}$/);
    assert.equal(indexerState(), indexerState());
  });

  it('does not depend on the order of the scanners', () => {
    assert.equal(indexerState(SCANNERS), indexerState(SCANNERS.toReversed()));
  });

  it('changes with a version, a name, a kind, and a scanner more', () => {
    const [first, second] = SCANNERS;
    assert.ok(first && second);
    const states = [
      SCANNERS,
      [first],
      [first, { ...second, version: '3' }],
      [first, { ...second, name: 'dpkg2', version: '' }],
      [first, { ...second, kind: 'distribution' as const }],
    ].map((scanners) => indexerState(scanners));
    assert.equal(new Set(states).size, states.length);
  });
});
