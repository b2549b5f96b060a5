import type { ScanStatus } from '../../db/entities/scanning';
import { IndexReportRow } from '../../db/entities/scanning';
import type { ReportHead } from '../../db/stores/scanning';
import { findReportHead, lockLiveManifest } from '../../db/stores/scanning';
import type { ActDeps } from '../act';
import { SYSTEM, runAct } from '../act';

type ReportChange = Partial<Omit<IndexReportRow, 'id' | 'manifestId' | 'document'>> & { document?: object };

/** Notes that a scan is under way; an older report is served meanwhile. False when the manifest is gone. */
export function beginScan(deps: ActDeps, manifestId: number): Promise<boolean> {
  return changeReport(deps, manifestId, (report) => ({
    status: report?.hasDocument ? 'scanned' : 'queued',
    error: null,
  }));
}

/** The manifest is not one that is scanned, or not by today's limits. */
export async function refuseScan(
  deps: ActDeps,
  manifestId: number,
  refusal: { status: Extract<ScanStatus, 'unsupported' | 'manifest_layer_too_large'>; reason: string },
): Promise<void> {
  await changeReport(deps, manifestId, () => ({ status: refusal.status, error: refusal.reason }));
}

/** A scan came to nothing; what an older one found stays. */
export async function failScan(deps: ActDeps, manifestId: number, error: string): Promise<void> {
  await changeReport(deps, manifestId, (report) => ({
    status: report?.hasDocument ? 'scanned' : 'failed',
    error,
    failures: (report?.failures ?? 0) + 1,
  }));
}

/** Keeps what a manifest holds according to the indexers of a state; false when the manifest is gone. */
export function storeReport(
  deps: ActDeps,
  manifestId: number,
  report: { indexerState: string; document: object },
): Promise<boolean> {
  return changeReport(deps, manifestId, (_, nowMs) => ({
    status: 'scanned',
    indexerState: report.indexerState,
    document: report.document,
    error: null,
    failures: 0,
    indexedAtMs: nowMs,
  }));
}

function changeReport(
  deps: ActDeps,
  manifestId: number,
  change: (report: ReportHead | undefined, nowMs: number) => ReportChange & { status: ScanStatus },
): Promise<boolean> {
  return runAct(deps, SYSTEM, async ({ manager, nowMs }) => {
    if (!(await lockLiveManifest(manager, manifestId))) return false;
    const report = await findReportHead(manager, manifestId);
    const changed = change(report, nowMs);
    if (report) await manager.update(IndexReportRow, report.id, changed);
    else await manager.insert(IndexReportRow, { manifestId, ...changed });
    return true;
  });
}
