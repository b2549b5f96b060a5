import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

import { runCampaign } from './campaign';
import type { CampaignPlan } from './campaign';
import { INTERRUPTIONS } from './interrupted-serve';

const SHORT = { acts: 200, clients: 6, interruptions: 2 };

describe('what the registry acknowledged', function () {
  this.timeout(240_000);
  // A second try would hide a race that one seed in many has met.
  this.retries(0);

  async function campaign(changes: Pick<CampaignPlan, 'interruption' | 'ignore'>): Promise<string[]> {
    const seed = Number(process.env.DURABILITY_SEED) || randomInt(1, 1_000_000);
    const { findings, facts } = await runCampaign({ ...SHORT, ...changes, seed });
    console.log(`      seed ${seed}: ${facts}`);
    return findings.map((finding) => `DURABILITY_SEED=${seed}: ${finding}`);
  }

  for (const interruption of INTERRUPTIONS) {
    it(`is there after each ${interruption}, whole, and fsck agrees`, async () => {
      assert.deepEqual(await campaign({ interruption }), []);
    });
  }
});
