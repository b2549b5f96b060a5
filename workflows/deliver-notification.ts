import { ActivityFailure, ApplicationFailure, isCancellation, proxyActivities } from '@temporalio/workflow';

import type { DeliverActivities, DeliveryOutcome } from '../activities/deliver/activities';
import { deliveryOptions, mailOptions, recordOptions } from './shared/activity-options';
import type { DeliverNotificationInput } from './shared/contracts';
import { DELIVERY_REFUSED } from './shared/failure-types';
import { QUEUES } from './shared/queues';

/**
 * Brings one message to its receiver: tries over hours, honours `Retry-After`, stops at once when the receiver says
 * never. Its id is the delivery's, so an event reaches a rule's receiver as one delivery however often it is relayed.
 */
export async function deliverNotification(
  input: DeliverNotificationInput,
): Promise<DeliveryOutcome | 'failed'> {
  const { postWebhook, ringBell } = proxyActivities<DeliverActivities>(deliveryOptions(input.timings));
  const { sendEmail } = proxyActivities<DeliverActivities>(mailOptions(input.timings));
  const { giveUpDelivery } = proxyActivities<DeliverActivities>({
    ...recordOptions,
    taskQueue: QUEUES.deliver,
  });
  const summary = `${input.event} of ${input.repository}`;
  const send = { webhook: postWebhook, email: sendEmail, quay_notification: ringBell }[input.method];

  if (!send) {
    await giveUpDelivery(input.deliveryId, `there is no method "${input.method}"`);
    return 'failed';
  }
  try {
    return await send.executeWithOptions({ summary }, [input.deliveryId]);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    // Only a refusal is a reason of its own; when the time is over, the delivery remembers what its tries met.
    const { cause } = error;
    const isRefusal = cause instanceof ApplicationFailure && cause.type === DELIVERY_REFUSED;
    await giveUpDelivery(input.deliveryId, isRefusal ? cause.message : null);
    return 'failed';
  }
}
