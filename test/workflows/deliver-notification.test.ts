import assert from 'node:assert/strict';

import type { DeliverActivities } from '../../activities/deliver/activities';
import type { SendFailure } from '../../activities/deliver/failures';
import { toApplicationFailure } from '../../activities/deliver/failures';
import { deliverNotification } from '../../workflows/deliver-notification';
import { QUEUES } from '../../workflows/shared/queues';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

const TIMINGS = { deliverRetryInitialMs: 20, deliverRetryMaximumMs: 50, deliverGiveUpMs: 40_000 };

const failure = (met: SendFailure) => toApplicationFailure(met, 1, undefined);

describe('deliverNotification', function () {
  this.timeout(60_000);

  const unexpected = () => Promise.reject(new Error('this method was not asked for'));
  const refusing: DeliverActivities = {
    postWebhook: unexpected,
    sendEmail: unexpected,
    ringBell: unexpected,
    giveUpDelivery: unexpected,
  };

  function deliver(
    scenario: string,
    method: string,
    activities: Partial<DeliverActivities>,
    timings: Partial<typeof TIMINGS> = {},
  ) {
    const taskQueue = queueName('deliver');
    const queues = { [QUEUES.deliver]: { ...refusing, ...activities } };
    return runWithWorker({ taskQueue, queues }, async ({ client }) => {
      const handle = await client.workflow.start(deliverNotification, {
        workflowId: taskQueue,
        taskQueue,
        args: [
          {
            deliveryId: 'd-1',
            repository: 'acme/app',
            event: 'repo_push',
            method,
            timings: { ...TIMINGS, ...timings },
          },
        ],
      });
      const outcome = await handle.result();
      await recordHistory(handle, `deliver-notification.${scenario}`);
      return outcome;
    });
  }

  it('posts a webhook', async () => {
    const sent: string[] = [];
    const outcome = await deliver('webhook', 'webhook', {
      postWebhook: (id) => Promise.resolve((sent.push(id), 'delivered')),
    });
    assert.equal(outcome, 'delivered');
    assert.deepEqual(sent, ['d-1']);
  });

  it('sends a mail', async () => {
    assert.equal(
      await deliver('email', 'email', { sendEmail: () => Promise.resolve('delivered') }),
      'delivered',
    );
  });

  it('rings the bell', async () => {
    const outcome = await deliver('bell', 'quay_notification', {
      ringBell: () => Promise.resolve('delivered'),
    });
    assert.equal(outcome, 'delivered');
  });

  it('tries again until the receiver is back', async () => {
    let tries = 0;
    const outcome = await deliver('retried', 'webhook', {
      postWebhook: () => {
        tries += 1;
        if (tries < 3) {
          throw failure({ message: 'answered 503', permanent: false, responseStatus: 503 });
        }
        return Promise.resolve('delivered');
      },
    });
    assert.equal(outcome, 'delivered');
    assert.equal(tries, 3);
  });

  it('stops at once when the receiver says never, and the rule learns why', async () => {
    const reasons: (string | null)[] = [];
    let tries = 0;
    const outcome = await deliver('refused', 'webhook', {
      postWebhook: () => {
        tries += 1;
        throw failure({
          message: 'the receiver answered 410',
          permanent: true,
          responseStatus: 410,
        });
      },
      giveUpDelivery: (_id, reason) => Promise.resolve(void reasons.push(reason)),
    });
    assert.equal(outcome, 'failed');
    assert.equal(tries, 1);
    assert.deepEqual(reasons, ['the receiver answered 410']);
  });

  it('gives up when the time is over', async () => {
    const reasons: (string | null)[] = [];
    const activities: Partial<DeliverActivities> = {
      postWebhook: () => {
        throw failure({
          message: 'the receiver answered 500',
          permanent: false,
          responseStatus: 500,
        });
      },
      giveUpDelivery: (_id, reason) => Promise.resolve(void reasons.push(reason)),
    };
    const outcome = await deliver('given-up', 'webhook', activities, { deliverGiveUpMs: 1500 });
    assert.equal(outcome, 'failed');
    assert.deepEqual(reasons, [null]);
  });

  it('sends nothing for a rule that is switched off or gone', async () => {
    assert.equal(
      await deliver('skipped', 'webhook', { postWebhook: () => Promise.resolve('skipped') }),
      'skipped',
    );
  });

  it('gives a method that nobody knows up', async () => {
    const reasons: (string | null)[] = [];
    const outcome = await deliver('unknown-method', 'pigeon', {
      giveUpDelivery: (_id, reason) => Promise.resolve(void reasons.push(reason)),
    });
    assert.equal(outcome, 'failed');
    assert.deepEqual(reasons, ['there is no method "pigeon"']);
  });
});
