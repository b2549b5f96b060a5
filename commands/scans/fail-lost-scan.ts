import { IndexReportRow } from '../../db/entities/scanning';
import type { ActDeps } from '../act';
import { SYSTEM, runAct } from '../act';

/** Ends a scan whose workflow ended without a word; a scan that has ended in the meantime is left alone. */
export async function failLostScan(deps: ActDeps, manifestId: number, reason: string): Promise<void> {
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(
      IndexReportRow,
      { manifestId, status: 'queued' },
      { status: 'failed', error: reason },
    );
  });
}
