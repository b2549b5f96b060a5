import {
  ActivityFailure,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  sleep,
} from '@temporalio/workflow';

import type { ScanActivities, ScanPlanActivities } from '../activities/scan/activities';
import { announceOptions, localRecordOptions, recordOptions, scanOptions } from './shared/activity-options';
import type { ScanManifestInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

export type ScanOutcome = 'scanned' | 'unsupported' | 'manifest_layer_too_large' | 'failed' | 'gone';

const LAYERS_AT_ONCE = 4;
const LONGEST_WAIT_MS = 10_000;

/**
 * Looks into the layers of a manifest that nobody has read yet, puts its report together, matches it with today's advisories
 * and tells the repository's rules. Its id names repository, digest and the state of the indexers, so that a push that is
 * relayed twice is scanned once; layers are claimed in the database, so that each is read once whoever asks first.
 */
export async function scanManifest(input: ScanManifestInput): Promise<ScanOutcome> {
  const { manifestId } = input;
  const steps = proxyActivities<ScanActivities>(scanOptions(input.timings));
  const announcing = proxyActivities<ScanActivities>(announceOptions(input.timings));
  const { planScan } = proxyLocalActivities<ScanPlanActivities>(localRecordOptions);
  const records = proxyActivities<ScanActivities>({ ...recordOptions, taskQueue: QUEUES.scan });
  const where = `${input.repository}@${input.digest.slice(0, 19)}`;

  // Beside the reading: what was dropped into the folder before the push must be seen by this scan.
  const refreshed = refreshAdvisories();
  try {
    const indexed = await indexMissingLayers();
    if (indexed !== 'scanned') return indexed;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const summary = `give up ${where}`;
    await records.failScan.executeWithOptions({ summary }, [manifestId, reasonOf(error)]);
    return 'failed';
  }
  await refreshed;
  await announcing.announceFindings.executeWithOptions({ summary: `announce findings of ${where}` }, [
    manifestId,
  ]);
  return 'scanned';

  async function indexMissingLayers(): Promise<ScanOutcome> {
    for (let waitMs = input.timings?.scanPollMs ?? 500; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      const plan = await planScan(manifestId);
      if (plan.outcome === 'current') return 'scanned';
      if (plan.outcome !== 'index') return plan.outcome;
      if (plan.layers.length > 0) {
        await indexLayers(plan.layers);
        continue;
      }
      if (plan.busyLayers === 0) {
        await refreshed;
        const summary = `store report of ${where}`;
        const stored = await steps.storeIndexReport.executeWithOptions({ summary }, [manifestId]);
        if (stored !== 'incomplete') return stored === 'stored' ? 'scanned' : 'gone';
      }
      await sleep(waitMs, { summary: `${plan.busyLayers} layers are being read by other scans` });
    }
  }

  async function indexLayers(digests: readonly string[]): Promise<void> {
    const waiting = [...digests];
    const readNext = async () => {
      for (let digest = waiting.shift(); digest !== undefined; digest = waiting.shift()) {
        const summary = `index ${digest.slice(0, 19)} of ${where}`;
        await steps.indexLayer.executeWithOptions({ summary }, [digest]);
      }
    };
    await Promise.all(Array.from({ length: Math.min(LAYERS_AT_ONCE, digests.length) }, readNext));
  }

  async function refreshAdvisories(): Promise<void> {
    try {
      await steps.refreshAdvisories.executeWithOptions({ summary: 'look for new advisories' }, []);
    } catch (error) {
      // Those of before are better than no scan at all.
      if (isCancellation(error)) return;
      log.warn('the advisory folder could not be looked at', { error: String(error) });
    }
  }
}

function reasonOf(error: ActivityFailure): string {
  return error.cause?.message ?? error.message;
}
