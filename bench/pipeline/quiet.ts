import { execFileSync } from 'node:child_process';

import { IsNull, Not } from 'typeorm';

import { Build } from '../../db/entities/builds';
import { Delivery } from '../../db/entities/notifications';
import { OutboxRow } from '../../db/entities/outbox';
import { eventually } from '../../test/support/eventually';
import type { Product } from '../../test/support/product';

/** Until nothing of the run before is left to do: events, scans, deliveries, logs; and until the disk has everything. */
export async function untilQuiet({ dataSource, temporal }: Product): Promise<void> {
  const { manager } = dataSource;
  await eventually(
    async () => {
      const events = await manager.countBy(OutboxRow, { deliveredAtMs: IsNull() });
      const deliveries = await manager.countBy(Delivery, { status: 'pending' });
      const logs = await manager.countBy(Build, { endedAtMs: Not(IsNull()), logObjectKey: IsNull() });
      const { count } = await temporal.client.workflow.count("ExecutionStatus = 'Running'");
      if (events + deliveries + logs + count > 0) {
        throw new Error(
          `still under way: ${events} events, ${deliveries} deliveries, ${logs} logs, ${count} workflows`,
        );
      }
    },
    120_000,
    200,
  );
  execFileSync('sync');
}
