import assert from 'node:assert/strict';

import { isAtLeast, parseVersion } from '../../bin/launcher/versions.cjs';

describe('launcher versions', () => {
  it('finds the number in what tools print', () => {
    assert.deepEqual(parseVersion('go version go1.26 linux/amd64'), [1, 26, 0]);
    assert.deepEqual(parseVersion('v22.19.1'), [22, 19, 1]);
    assert.equal(parseVersion('no version here'), undefined);
  });

  it('compares numbers, not text', () => {
    assert.equal(isAtLeast('v22.19.0', '22.19'), true);
    assert.equal(isAtLeast('v22.9.0', '22.19'), false);
    assert.equal(isAtLeast('v24.0.0', '22.19'), true);
    assert.equal(isAtLeast('go1.25.3', '1.25'), true);
  });

  it('takes a text without a version for too old', () => {
    assert.equal(isAtLeast('', '1.25'), false);
  });
});
