import assert from 'node:assert/strict';

import { dockerIsMissing } from '../support/docker';
import { eventually } from '../support/eventually';
import type { Product } from '../support/product';
import { product } from '../support/product';
import { takeAccount, whatIsLeft } from './outage/account';
import { offer } from './outage/offer';
import { startRelay } from './outage/relays';
import { setScene } from './outage/scene';

// The short form; `npm run bench:outage` is the long one, with figures.
describe('an outage of Temporal', function () {
  this.timeout(300_000);
  let made: Product;

  before(async function () {
    if (dockerIsMissing()) this.skip();
    made = await product();
  });

  it('fails no push and no webhook call, and two relays make up for it, everything once and in order', async () => {
    const scene = await setScene(made, 2);
    const other = await startRelay(made);
    const stoppedAtMs = Date.now();
    try {
      await withoutTemporal(made, async () => {
        const offered = await offer(scene, { name: 'during', pushes: 80, webhooks: 8, durationMs: 6000 });
        assert.deepEqual(offered.failures, []);
        assert.match((await whatIsLeft(scene)) ?? '', /8 builds, 80 scans/);
      });
      await eventually(async () => assert.equal(await whatIsLeft(scene), undefined), 180_000, 250);
      const account = await takeAccount(scene, stoppedAtMs);
      assert.deepEqual(account.wrong, []);
      // Each project has built once before.
      assert.deepEqual([account.pushes, account.builds], [80, 8 + 2]);
    } finally {
      await other.stop();
      await scene.dispose();
    }
  });
});

async function withoutTemporal(made: Product, use: () => Promise<void>): Promise<void> {
  await made.temporal.stop();
  try {
    await use();
  } finally {
    await made.temporal.start();
  }
}
