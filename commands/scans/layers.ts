import { ScanLayer } from '../../db/entities/scanning';
import { claimLayer as claimRow } from '../../db/stores/scanning';
import { isLeaseHeld } from '../../model/leases';
import type { ActDeps } from '../act';
import { SYSTEM, runAct } from '../act';

/** A layer under the indexers of one state: it is read once, whoever asks (scanning spec 2.1). */
export interface LayerRef {
  digest: string;
  indexerState: string;
}

/** `busy`: somebody else reads it. `settled`: its result, or that it has none, is known. */
export type LayerClaimOutcome = 'claimed' | 'busy' | 'settled';

/** Longer than a heartbeat timeout, so that a scan whose worker died takes its own layer up again before others do. */
const LEASE_MS = 45_000;

/** Makes the caller the one who reads the layer for the next 45 s; renewing is claiming again. */
export async function claimLayer(
  deps: ActDeps,
  { digest, indexerState }: LayerRef,
  owner: string,
): Promise<LayerClaimOutcome> {
  return runAct(deps, SYSTEM, async ({ manager, nowMs }) => {
    const claim = { digest, indexerState, owner, nowMs, leaseMs: LEASE_MS };
    if (await claimRow(manager, claim)) return 'claimed';
    const layer = await manager.findOneBy(ScanLayer, { layerDigest: digest, indexerState });
    return layer && (layer.resultKey !== null || layer.error !== null) ? 'settled' : 'busy';
  });
}

/** True while somebody reads the layer. */
export function isLeased({ leaseUntilMs }: Pick<ScanLayer, 'leaseUntilMs'>, nowMs: number): boolean {
  return isLeaseHeld(leaseUntilMs, nowMs, LEASE_MS);
}

/** Gives the layer back unread, unless somebody else has taken it over. */
export async function releaseLayer(deps: ActDeps, layer: LayerRef, owner: string): Promise<void> {
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(ScanLayer, { ...keyOf(layer), leaseOwner: owner }, FREE);
  });
}

/** The content decides the result, so it does not matter who brings it. */
export async function completeLayer(deps: ActDeps, layer: LayerRef, resultKey: string): Promise<void> {
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(ScanLayer, keyOf(layer), { ...FREE, resultKey, error: null });
  });
}

/** Its bytes are those that were pushed and cannot be read: nobody need try again. */
export async function rejectLayer(deps: ActDeps, layer: LayerRef, error: string): Promise<void> {
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(ScanLayer, keyOf(layer), { ...FREE, error });
  });
}

/** Its result is no longer in storage: it will be read again. */
export async function forgetLayer(deps: ActDeps, layer: LayerRef): Promise<void> {
  await runAct(deps, SYSTEM, async ({ manager }) => {
    await manager.update(ScanLayer, keyOf(layer), { ...FREE, resultKey: null });
  });
}

const FREE = { leaseOwner: null, leaseUntilMs: null };

function keyOf({ digest, indexerState }: LayerRef) {
  return { layerDigest: digest, indexerState };
}
