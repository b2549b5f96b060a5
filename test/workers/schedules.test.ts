import assert from 'node:assert/strict';

import type { Client } from '@temporalio/client';

import { reconcileSchedules } from '../../workers/schedules';
import { eventually } from '../support/eventually';
import type { OwnTemporal } from '../support/temporal';
import { ownTemporal } from '../support/temporal';

const CONFIG = { ADVISORIES_REFRESH_INTERVAL: '30s' };

// On a server of its own: schedules have fixed names and would start workflows among other tests.
describe('reconcileSchedules', function () {
  this.timeout(60_000);
  let server: OwnTemporal;
  let client: Client;

  before(async () => {
    server = await ownTemporal();
    client = server.client;
  });
  after(() => server.dispose());

  async function everyMs(id: string): Promise<number | undefined> {
    const { spec } = await client.schedule.getHandle(`maintenance:${id}`).describe();
    return spec.intervals?.[0]?.every;
  }

  it('creates what is missing and changes what differs', async () => {
    await reconcileSchedules(client, { ...CONFIG, WORKFLOW_TIMINGS: {} });
    assert.equal(await everyMs('reap-orphans'), 30_000);
    assert.equal(await everyMs('purge-expired'), 3_600_000);
    assert.equal(await everyMs('sweep-storage'), 86_400_000);
    await reconcileSchedules(client, { ...CONFIG, WORKFLOW_TIMINGS: { purgeExpiredEveryMs: 60_000 } });
    assert.equal(await everyMs('purge-expired'), 60_000);
    const { action, policies } = await client.schedule.getHandle('maintenance:reap-orphans').describe();
    assert.equal(action.workflowType, 'reapOrphans');
    assert.deepEqual([policies.overlap, policies.catchupWindow], ['SKIP', 10_000]);
  });

  it('keeps a schedule paused that an operator paused', async () => {
    await reconcileSchedules(client, { ...CONFIG, WORKFLOW_TIMINGS: {} });
    const handle = client.schedule.getHandle('maintenance:purge-expired');
    await handle.pause('while we look at it');
    await reconcileSchedules(client, { ...CONFIG, WORKFLOW_TIMINGS: {} });
    assert.equal((await handle.describe()).state.paused, true);
  });

  it('starts workflows whose ids say what they are', async () => {
    await reconcileSchedules(client, { ...CONFIG, WORKFLOW_TIMINGS: { reapOrphansEveryMs: 1000 } });
    await eventually(async () => {
      const { info } = await client.schedule.getHandle('maintenance:reap-orphans').describe();
      const [started] = info.recentActions;
      assert.match(started?.action.workflow.workflowId ?? '', /^reap-orphans-2/);
    });
  });
});
