import { randomUUID } from 'node:crypto';

import { NotificationRule } from '../../db/entities/notifications';
import type { EventKind } from '../../model/events';
import type { EventFacts } from '../../model/rule-filters';
import { ruleWants } from '../../model/rule-filters';
import type { Act } from '../act';
import { oweRuleDelivery } from './owe-delivery';

export interface RaisedEvent {
  kind: EventKind;
  repository: { id: number; namespace: string; name: string };
  /** The body that receivers get (notifications spec 2). */
  payload: Record<string, unknown>;
  facts?: EventFacts;
  /** Names the event when repeating the act must not repeat the message; a random one by default. */
  eventId?: string;
}

/**
 * Writes one delivery, with its outbox row, for every rule of the repository that wants the event: rules as of this
 * transaction (design, decision 12). Rules that are switched off get theirs too; `deliverNotification` says why it skips them.
 */
export async function raiseEvent(act: Act, event: RaisedEvent): Promise<void> {
  const rules = await act.manager.findBy(NotificationRule, {
    repositoryId: event.repository.id,
    event: event.kind,
  });
  const eventId = event.eventId ?? randomUUID();
  for (const rule of rules) {
    if (!ruleWants(event.kind, rule.eventConfig, event.facts ?? {})) continue;
    await oweRuleDelivery(act, rule, { eventId, payload: event.payload, repository: event.repository });
  }
}
