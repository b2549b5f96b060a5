import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

import { debianRoot, ownEngineIsMissing } from '../support/docker';
import { runCampaign } from './campaign';
import { SHORT } from './plan';

describe('a short fault campaign', function () {
  this.timeout(480_000);
  // Another seed would be another campaign: what this one found must not be forgotten.
  this.retries(0);

  it('loses nothing that was acknowledged, repeats nothing, and leaves nothing behind', async function () {
    const root = debianRoot();
    const missing = ownEngineIsMissing() ?? ('missing' in root ? root.missing : undefined);
    if (missing) {
      this.test!.title += ` (${missing})`;
      return this.skip();
    }
    const seed = randomInt(1, 1_000_000);
    const say = (line: string) => console.log(`      ${line}`);
    say(`seed ${seed}; again: npm run test:faults -- --short --seed ${seed}`);
    assert.deepEqual(await runCampaign(seed, SHORT, say), []);
  });
});
