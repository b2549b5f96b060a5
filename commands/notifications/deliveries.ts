import { randomUUID } from 'node:crypto';

import { IsNull, Not } from 'typeorm';

import { BellNotification, Delivery, NotificationRule } from '../../db/entities/notifications';
import { OutboxRow } from '../../db/entities/outbox';
import type { BellTarget, OwedDelivery } from '../../db/stores/notifications';
import { findBellAccounts, lockDelivery } from '../../db/stores/notifications';
import { FAILURES_THAT_DISABLE_A_RULE } from '../../model/events';
import type { Act, ActDeps } from '../act';
import { runAct, SYSTEM } from '../act';

/** What one try came to; kept on the delivery so that people can see it. */
export interface DeliveryAttempt {
  error: string | null;
  responseStatus: number | null;
}

/** Notes a failed try that will be repeated: on the delivery, and for people on its rule, whose failures it does not count. */
export async function recordFailedAttempt(
  deps: ActDeps,
  uuid: string,
  attempt: DeliveryAttempt,
): Promise<void> {
  await endIfPending(deps, uuid, async (act, { delivery, rule }) => {
    await act.manager.update(Delivery, delivery.id, {
      attempts: delivery.attempts + 1,
      lastError: attempt.error,
      responseStatus: attempt.responseStatus,
    });
    if (!rule) return;
    const lastError = attempt.error && `${attempt.error} (try ${delivery.attempts + 1})`;
    await act.manager.update(NotificationRule, rule.id, { lastError, lastRanMs: act.nowMs });
  });
}

/** Notes why a delivery waits without having been tried; what a try met says more and stays. */
export async function recordDeferral(deps: ActDeps, uuid: string, reason: string): Promise<void> {
  await endIfPending(deps, uuid, async (act, { delivery, rule }) => {
    if (delivery.lastError !== null) return;
    await act.manager.update(Delivery, delivery.id, { lastError: reason });
    if (rule?.lastError === null) {
      await act.manager.update(NotificationRule, rule.id, { lastError: reason });
    }
  });
}

/** The message arrived: ends the delivery and clears the failures of its rule. */
export async function completeDelivery(
  deps: ActDeps,
  uuid: string,
  responseStatus: number | null,
): Promise<void> {
  await endIfPending(deps, uuid, (act, owed) => markDelivered(act, owed, responseStatus));
}

/**
 * Makes the relay tell Temporal of a pending delivery once more, for a Temporal that lost it; receivers know the repeated message
 * by the delivery's id. False when what it was told from is gone.
 */
export async function repeatDelivery({ dataSource, now }: ActDeps, uuid: string): Promise<boolean> {
  const { affected } = await dataSource.manager.update(
    OutboxRow,
    { eventId: uuid, deliveredAtMs: Not(IsNull()) },
    { deliveredAtMs: null, claimedUntilMs: null, availableAtMs: now() },
  );
  return (affected ?? 0) > 0;
}

/** Nothing more is tried: the rule counts one failure and shows why; null when only the time ran out. */
export async function giveUpDelivery(deps: ActDeps, uuid: string, finalReason: string | null): Promise<void> {
  await endIfPending(deps, uuid, async (act, { delivery, rule }) => {
    const reason =
      finalReason ??
      `gave up after ${delivery.attempts} tries: ${delivery.lastError ?? 'none came to an end'}`;
    await act.manager.update(Delivery, delivery.id, {
      status: 'failed',
      lastError: reason,
      endedAtMs: act.nowMs,
    });
    if (!rule) return;
    await act.manager.update(NotificationRule, rule.id, {
      numberOfFailures: rule.numberOfFailures + 1,
      lastError: reason,
      lastRanMs: act.nowMs,
    });
  });
}

/** Ends a delivery that must not be sent, such as one of a rule that is switched off. */
export async function skipDelivery(deps: ActDeps, uuid: string, reason: string): Promise<void> {
  await endIfPending(deps, uuid, async (act, { delivery }) => {
    await act.manager.update(Delivery, delivery.id, {
      status: 'skipped',
      lastError: reason,
      endedAtMs: act.nowMs,
    });
  });
}

/**
 * Writes the rows behind the bell and ends the delivery in one act; answers how many accounts see it, undefined when
 * it had ended before.
 */
export async function ringBell(deps: ActDeps, uuid: string, target: BellTarget): Promise<number | undefined> {
  let rung: number | undefined;
  await endIfPending(deps, uuid, async (act, owed) => {
    const accounts = owed.rule ? await findBellAccounts(act.manager, owed.rule.repositoryId, target) : [];
    for (const accountId of accounts) await addBellRow(act, owed.delivery, accountId);
    if (accounts.length > 0) await markDelivered(act, owed, null);
    rung = accounts.length;
  });
  return rung;
}

/** Why a delivery of this rule must not be sent; undefined when it may. */
export function reasonToSkip(rule: NotificationRule): string | undefined {
  if (rule.numberOfFailures < FAILURES_THAT_DISABLE_A_RULE) return undefined;
  return `the rule is switched off after ${rule.numberOfFailures} failed deliveries in a row`;
}

async function endIfPending(
  deps: ActDeps,
  uuid: string,
  work: (act: Act, owed: OwedDelivery) => Promise<void>,
): Promise<void> {
  await runAct(deps, SYSTEM, async (act) => {
    const owed = await lockDelivery(act.manager, uuid);
    if (owed?.delivery.status === 'pending') await work(act, owed);
  });
}

async function markDelivered(
  act: Act,
  { delivery, rule }: OwedDelivery,
  responseStatus: number | null,
): Promise<void> {
  await act.manager.update(Delivery, delivery.id, {
    status: 'delivered',
    attempts: delivery.attempts + 1,
    responseStatus,
    lastError: null,
    endedAtMs: act.nowMs,
  });
  if (!rule) return;
  await act.manager.update(NotificationRule, rule.id, {
    numberOfFailures: 0,
    lastError: null,
    lastRanMs: act.nowMs,
  });
}

async function addBellRow(act: Act, delivery: Delivery, accountId: number): Promise<void> {
  await act.manager.insert(BellNotification, {
    uuid: randomUUID(),
    kind: delivery.event,
    targetId: accountId,
    metadata: delivery.payload as object,
    deliveryUuid: delivery.uuid,
    createdAtMs: act.nowMs,
  });
}
