import type { NotificationRule } from '../../db/entities/notifications';
import { Delivery } from '../../db/entities/notifications';
import type { Act } from '../act';
import { enqueue } from '../act';
import { uuidV5 } from './uuid-v5';

export interface OwedMessage {
  /** Names the delivery for ever; receivers tell repeats by it. */
  uuid: string;
  eventId: string;
  /** Null for a mail that belongs to no rule. */
  ruleId: number | null;
  event: string;
  method: string;
  payload: Record<string, unknown>;
  repository: { namespace: string; name: string };
}

/** Writes a delivery and the outbox row that starts its workflow. */
export async function oweDelivery(act: Act, message: OwedMessage): Promise<void> {
  await act.manager.insert(Delivery, {
    uuid: message.uuid,
    eventId: message.eventId,
    ruleId: message.ruleId,
    event: message.event,
    payload: message.payload as object,
    status: 'pending',
    createdAtMs: act.nowMs,
  });
  await enqueue(act, {
    kind: 'delivery.created',
    eventId: message.uuid,
    // Deliveries do not wait for each other.
    orderingKey: `delivery:${message.uuid}`,
    payload: {
      deliveryId: message.uuid,
      namespace: message.repository.namespace,
      repository: message.repository.name,
      event: message.event,
      method: message.method,
    },
  });
}

export interface RuleMessage {
  eventId: string;
  payload: Record<string, unknown>;
  repository: { namespace: string; name: string };
}

/** Owes one message of an event to the receiver of a rule; the two together name it (design 8, "delivery"). */
export async function oweRuleDelivery(act: Act, rule: NotificationRule, message: RuleMessage): Promise<void> {
  await oweDelivery(act, {
    ...message,
    uuid: uuidV5(message.eventId, rule.uuid),
    ruleId: rule.id,
    event: rule.event,
    method: rule.method,
  });
}
