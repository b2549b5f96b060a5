import { randomUUID } from 'node:crypto';

import { IndexReportRow } from '../../db/entities/scanning';
import type { ScanSubject } from '../../db/stores/scanning';
import { findReportHead, lockLiveManifest, tagsOfManifest } from '../../db/stores/scanning';
import type { PublicAddress, VulnerabilityFacts } from '../../model/event-payloads';
import { vulnerabilityFoundPayload } from '../../model/event-payloads';
import type { ActDeps } from '../act';
import { SYSTEM, runAct } from '../act';
import { raiseFindings } from '../notifications/raise-findings';

export interface AnnounceDeps extends ActDeps {
  address: PublicAddress;
}

const MOST_TAGS = 100;

/**
 * Tells the repository's rules what the first index of a manifest found, once for ever: the mark that it was told and the
 * deliveries commit together. `vulnerabilities` come most severe first. False when it had been told, or the manifest is gone.
 */
export function announceFindings(
  deps: AnnounceDeps,
  { manifestId, digest, repository }: Pick<ScanSubject, 'manifestId' | 'digest' | 'repository'>,
  vulnerabilities: readonly VulnerabilityFacts[],
): Promise<boolean> {
  return runAct(deps, SYSTEM, async (act) => {
    const { manager, nowMs } = act;
    if (!(await lockLiveManifest(manager, manifestId))) return false;
    const report = await findReportHead(manager, manifestId);
    if (!report?.hasDocument || report.announcedAtMs !== null) return false;
    await manager.update(IndexReportRow, report.id, { announcedAtMs: nowMs });
    const tags = await tagsOfManifest(manager, manifestId, { nowMs, limit: MOST_TAGS });
    const findings = vulnerabilities.map((vulnerability) => ({
      eventId: randomUUID(),
      severity: vulnerability.priority,
      payload: vulnerabilityFoundPayload(deps.address, repository, { digest, tags }, vulnerability),
    }));
    await raiseFindings(act, repository, findings);
    return true;
  });
}
