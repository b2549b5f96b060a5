import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';

import { announceFindings } from '../../commands/scans/announce-findings';
import type { LayerRef } from '../../commands/scans/layers';
import {
  claimLayer,
  completeLayer,
  forgetLayer,
  isLeased,
  rejectLayer,
  releaseLayer,
} from '../../commands/scans/layers';
import { beginScan, failScan, refuseScan, storeReport } from '../../commands/scans/reports';
import { IndexReportRow } from '../../db/entities/scanning';
import { findBlob } from '../../db/stores/blobs';
import type { ScanSubject } from '../../db/stores/scanning';
import { findLayers, findReportHead, findScanSubject } from '../../db/stores/scanning';
import type { Descriptor } from '../../model/manifests';
import { parseManifest } from '../../model/manifests';
import { decideScan } from '../../model/scan-verdict';
import { indexerState } from '../../scanner/indexer-state';
import { coalesceLayers } from '../../scanner/reports/coalesce-layers';
import type { IndexReport } from '../../scanner/reports/index-report';
import type { IndexedLayer } from '../../scanner/reports/layer-stack';
import { LAYER_UNREADABLE } from '../../workflows/shared/failure-types';
import { withHeartbeat } from '../with-heartbeat';
import type { AdvisoryRefresher, SourceRefresh } from './advisory-refresher';
import { UnreadableLayerError } from './layer-errors';
import { loadLayerResult, saveLayerResult } from './layer-results';
import { matchVulnerabilities } from './match-vulnerabilities';
import { readLayer } from './read-layer';
import type { ScanDeps } from './scan-deps';

export type ScanPlan =
  /** The manifest was deleted, or is not one that is scanned; its report says so. */
  | { outcome: 'gone' | 'unsupported' | 'manifest_layer_too_large' | 'failed' }
  /** Its report is of today's indexers already. */
  | { outcome: 'current' }
  /** `layers` are to be read by whoever comes first, `busyLayers` others are being read by somebody else. */
  | { outcome: 'index'; layers: string[]; busyLayers: number };

const BEAT_MS = 5000;
const RENEW_MS = 10_000;
const LARGEST_REPORT_BYTES = 8 * 1024 ** 2;

/** Local activities of scans. */
export function createScanPlanActivities(deps: Omit<ScanDeps, 'storage'>) {
  const { dataSource } = deps;
  const state = indexerState();

  return {
    /** What is left to do for a manifest, read anew each time it is asked. */
    async planScan(manifestId: number): Promise<ScanPlan> {
      const subject = await findScanSubject(dataSource.manager, manifestId);
      if (!subject) return { outcome: 'gone' };
      const report = await findReportHead(dataSource.manager, manifestId);
      if (report?.status === 'scanned' && report.indexerState === state) return { outcome: 'current' };
      const verdict = judge(deps, subject);
      if (verdict.verdict !== 'scan') {
        await refuseScan(deps, manifestId, { status: verdict.verdict, reason: verdict.reason });
        return { outcome: verdict.verdict };
      }
      if (!(await beginScan(deps, manifestId))) return { outcome: 'gone' };
      return planLayers(deps, manifestId, { layers: verdict.layers, indexerState: state });
    },
  };
}
export type ScanPlanActivities = ReturnType<typeof createScanPlanActivities>;

/** Activities of the queue `scan`. Every one of them may be repeated: results are keyed by content, reports by manifest. */
export function createScanActivities(deps: ScanDeps, refresher: AdvisoryRefresher) {
  const { dataSource, storage } = deps;
  const state = indexerState();

  return {
    /** Reads one layer, unless somebody else does or has done so. */
    async indexLayer(digest: string): Promise<'indexed' | 'busy' | 'settled'> {
      const layer = { digest, indexerState: state };
      const owner = ownerOf();
      const claim = await claimLayer(deps, layer, owner);
      if (claim !== 'claimed') return claim;
      try {
        const result = await withLease(deps, layer, owner, () => readClaimed(deps, digest));
        await completeLayer(deps, layer, await saveLayerResult(storage, layer, result));
        return 'indexed';
      } catch (error) {
        if (!(error instanceof UnreadableLayerError)) {
          await releaseLayer(deps, layer, owner);
          throw error;
        }
        await rejectLayer(deps, layer, error.message);
        throw ApplicationFailure.nonRetryable(error.message, LAYER_UNREADABLE);
      }
    },

    /** `incomplete` when the result of a layer is missing (again): plan anew. */
    async storeIndexReport(manifestId: number): Promise<'stored' | 'incomplete' | 'gone'> {
      const subject = await findScanSubject(dataSource.manager, manifestId);
      const verdict = subject && judge(deps, subject);
      if (!subject || verdict?.verdict !== 'scan') return 'gone';
      const indexed = await withHeartbeat(BEAT_MS, () => loadLayers(deps, verdict.layers, state));
      if (!indexed) return 'incomplete';
      const document = coalesceLayers(subject.digest, indexed);
      const sizeBytes = Buffer.byteLength(JSON.stringify(document));
      if (sizeBytes > LARGEST_REPORT_BYTES) {
        throw ApplicationFailure.nonRetryable(
          `the index report has ${sizeBytes} bytes, more than the ${LARGEST_REPORT_BYTES} that are kept`,
        );
      }
      return (await storeReport(deps, manifestId, { indexerState: state, document })) ? 'stored' : 'gone';
    },

    /** Tells the repository's rules what was found, once for each manifest; how many vulnerabilities there are. */
    async announceFindings(manifestId: number): Promise<number> {
      const subject = await findScanSubject(dataSource.manager, manifestId);
      const report = await dataSource.manager.findOneBy(IndexReportRow, { manifestId });
      if (!subject || !report?.document || report.announcedAtMs !== null) return 0;
      const vulnerabilities = await withHeartbeat(BEAT_MS, () =>
        // Written by `storeIndexReport`.
        matchVulnerabilities(dataSource.manager, report.document as IndexReport),
      );
      await announceFindings(deps, subject, vulnerabilities);
      return vulnerabilities.length;
    },

    /** The scan came to nothing, and this is why. */
    failScan: (manifestId: number, reason: string) => failScan(deps, manifestId, reason),

    /** Takes in what changed in the advisory folder; quick when nothing did. */
    refreshAdvisories: (): Promise<SourceRefresh[]> => withHeartbeat(BEAT_MS, () => refresher.refresh()),
  };
}
export type ScanActivities = ReturnType<typeof createScanActivities>;

function judge({ config }: Pick<ScanDeps, 'config'>, { mediaType, body, isSparse }: ScanSubject) {
  // A layer that somebody else has pushed must not be looked into for who only knows its digest.
  if (isSparse) {
    return {
      verdict: 'unsupported' as const,
      reason: 'some of its layers were not pushed to this repository',
    };
  }
  const parsed = parseManifest(mediaType, body.toString('utf8'));
  if (!parsed.ok) return { verdict: 'unsupported' as const, reason: parsed.problem };
  return decideScan(parsed.manifest, config.SECURITY_SCANNER_MAX_LAYER_SIZE_BYTES);
}

async function planLayers(
  deps: Omit<ScanDeps, 'storage'>,
  manifestId: number,
  { layers, indexerState }: { layers: Descriptor[]; indexerState: string },
): Promise<ScanPlan> {
  const digests = [...new Set(layers.map((layer) => layer.digest))];
  const known = await findLayers(deps.dataSource.manager, indexerState, digests);
  const unreadable = known.find((layer) => layer.error !== null);
  if (unreadable) {
    await failScan(deps, manifestId, unreadable.error ?? '');
    return { outcome: 'failed' };
  }
  const nowMs = deps.now();
  const owner = ownerOf();
  const isBusy = new Set<string>();
  const isDone = new Set<string>();
  for (const layer of known) {
    if (layer.resultKey !== null) isDone.add(layer.layerDigest);
    else if (isLeased(layer, nowMs) && layer.leaseOwner !== owner) isBusy.add(layer.layerDigest);
  }
  const missing = digests.filter((digest) => !isDone.has(digest) && !isBusy.has(digest));
  return { outcome: 'index', layers: missing, busyLayers: isBusy.size };
}

/** Keeps a layer to its reader for as long as the reading takes. */
async function withLease<T>(
  deps: ScanDeps,
  layer: LayerRef,
  owner: string,
  read: () => Promise<T>,
): Promise<T> {
  const renew = async () => {
    try {
      await claimLayer(deps, layer, owner);
    } catch (error) {
      // The lease outlives several tries; at worst somebody else reads the layer too.
      log.warn('the lease of a layer could not be renewed', { digest: layer.digest, error });
    }
  };
  const renewal = setInterval(() => void renew(), RENEW_MS);
  try {
    return await withHeartbeat(BEAT_MS, read);
  } finally {
    clearInterval(renewal);
  }
}

async function readClaimed(deps: ScanDeps, digest: string) {
  const blob = await findBlob(deps.dataSource.manager, digest);
  if (!blob) throw new Error(`layer ${digest} is not in the registry`);
  const { storageKey, sizeBytes } = blob;
  return readLayer(
    deps.storage,
    { digest, storageKey, sizeBytes },
    { limits: deps.readLimits, signal: cancellationSignal() },
  );
}

async function loadLayers(
  deps: ScanDeps,
  layers: readonly Descriptor[],
  indexerState: string,
): Promise<IndexedLayer[] | undefined> {
  const digests = [...new Set(layers.map((layer) => layer.digest))];
  const rows = await findLayers(deps.dataSource.manager, indexerState, digests);
  const results = new Map<string, IndexedLayer>();
  for (const { layerDigest: digest, resultKey } of rows) {
    if (resultKey === null) continue;
    const result = await loadLayerResult(deps.storage, resultKey);
    if (result) results.set(digest, { digest, result });
    else await forgetLayer(deps, { digest, indexerState });
  }
  if (results.size < digests.length) return undefined;
  return layers.flatMap(({ digest }) => results.get(digest) ?? []);
}

/** One scan: its own activities, tried again on another worker, may take up what the first try left. */
function ownerOf(): string {
  const { workflowExecution, activityId } = activityInfo();
  return workflowExecution?.runId ?? activityId;
}
