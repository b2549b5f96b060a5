import { proxyActivities } from '@temporalio/workflow';

import type { SourceRefresh } from '../activities/scan/advisory-refresher';
import type { ScanActivities } from '../activities/scan/activities';
import { scanOptions } from './shared/activity-options';
import type { UpdateAdvisoriesInput } from './shared/contracts';

/** Takes in what changed in the advisory folder, so that reports of images scanned long ago show it too. */
export async function updateAdvisories(input: UpdateAdvisoriesInput = {}): Promise<SourceRefresh[]> {
  const { refreshAdvisories } = proxyActivities<ScanActivities>(scanOptions(input.timings));
  return refreshAdvisories();
}
