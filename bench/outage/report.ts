import type { Account } from '../../test/faults/outage/account';
import type { Offered } from '../../test/faults/outage/offer';
import { quantile } from '../statistics';
import type { DrainFigures } from './drain';
import type { OutageOptions } from './options';

export interface Figures {
  before: Offered;
  during: Offered;
  drain: DrainFigures;
  account: Account;
}

const LARGEST_RATIO = 1.2;
const ROWS_PER_SECOND = 100;

export function renderReport({ before, during, drain, account }: Figures): string {
  const { pushes, builds, deliveries } = account;
  return [
    `                     requests     p50 ms     p99 ms`,
    row('pushes before', before.pushMs),
    row('pushes during', during.pushMs),
    row('webhooks before', before.webhookMs),
    row('webhooks during', during.webhookMs),
    `p99 during / before: pushes ${ratio(before.pushMs, during.pushMs).toFixed(2)}, webhooks ${ratio(before.webhookMs, during.webhookMs).toFixed(2)}`,
    `backlog ${drain.waiting} rows: one relay ${drain.oneRelay.toFixed(0)} rows/s, two relays ${drain.twoRelays.toFixed(0)} rows/s`,
    `processed ${drain.processedS.toFixed(0)} s after Temporal's return: ${pushes} scans, ${builds} builds, ${deliveries} messages`,
  ].join('\n');
}

/** One sentence for each bar that was missed; a quick run is held to what was lost or doubled only. */
export function judge({ before, during, drain, account }: Figures, { quick }: OutageOptions): string[] {
  const missed = [...before.failures, ...during.failures, ...account.wrong];
  if (quick) return missed;
  for (const [what, times] of [
    ['pushes', [before.pushMs, during.pushMs]],
    ['webhook calls', [before.webhookMs, during.webhookMs]],
  ] as const) {
    const found = ratio(...times);
    if (!(found <= LARGEST_RATIO)) missed.push(`p99 of ${what} is ${found.toFixed(2)} × that of before`);
  }
  if (!(drain.oneRelay >= ROWS_PER_SECOND)) {
    missed.push(`one relay drains ${drain.oneRelay.toFixed(0)} rows/s`);
  }
  return missed;
}

function ratio(before: readonly number[], during: readonly number[]): number {
  return quantile(during, 0.99) / quantile(before, 0.99);
}

function row(name: string, times: readonly number[]): string {
  const cells = [times.length.toFixed(0), quantile(times, 0.5).toFixed(1), quantile(times, 0.99).toFixed(1)];
  return name.padEnd(16) + cells.map((cell) => cell.padStart(11)).join('');
}
