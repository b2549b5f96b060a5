import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { OutboxRow } from '../../db/entities/outbox';
import type { DeliverRow, OutboxRelayOptions } from '../../workers/outbox-relay';
import { OutboxRelay } from '../../workers/outbox-relay';
import { silentLogger } from '../../telemetry/logger';

/** Commits one delivery event under a key; answers its event id. */
export async function commitEvent(dataSource: DataSource, orderingKey: string): Promise<string> {
  const eventId = randomUUID();
  await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
    enqueue(act, { ...deliveryEvent(eventId), orderingKey, eventId }),
  );
  return eventId;
}

/** Waiting rows as a long outage leaves them; their event ids in the order of the commits. */
export async function commitMany(
  dataSource: DataSource,
  count: number,
  keyOf: (n: number) => string,
): Promise<string[]> {
  const rows = Array.from({ length: count }, (_, n) => ({
    ...deliveryEvent('x'),
    eventId: randomUUID(),
    orderingKey: keyOf(n),
    createdAtMs: 1,
    availableAtMs: 1,
  }));
  await dataSource.manager.insert(OutboxRow, rows);
  return rows.map((row) => row.eventId);
}

export function deliveryEvent(deliveryId: string) {
  return {
    kind: 'delivery.created' as const,
    payload: {
      deliveryId,
      namespace: 'acme',
      repository: 'app',
      event: 'repo_push',
      method: 'webhook',
    },
  };
}

/** Runs a relay while `use` runs, and stops it after that. */
export async function withRelay<T>(
  dataSource: DataSource,
  deliver: DeliverRow,
  use: (relay: OutboxRelay) => Promise<T>,
  options: OutboxRelayOptions & { now?: () => number } = {},
): Promise<T> {
  const { now = Date.now, ...rest } = options;
  const relay = new OutboxRelay({ dataSource, deliver, logger: silentLogger, now }, { idleMs: 10, ...rest });
  const running = relay.run();
  try {
    return await use(relay);
  } finally {
    relay.stop();
    await running;
  }
}

/** Keeps what it was told, per ordering key. */
export class DeliveryRecorder {
  readonly byKey = new Map<string, string[]>();

  readonly deliver = (row: OutboxRow): Promise<void> => {
    const events = this.byKey.get(row.orderingKey) ?? [];
    this.byKey.set(row.orderingKey, [...events, row.eventId]);
    return Promise.resolve();
  };

  of(key: string): string[] {
    return this.byKey.get(key) ?? [];
  }

  get count(): number {
    return [...this.byKey.values()].flat().length;
  }
}
