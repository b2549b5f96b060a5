import type { ProvenExchange, Registry } from './exchange';
import { sendJson } from './reply';

/** `GET /v2/`: the token is good, whatever it allows (registry spec 8). */
export async function ping({ res }: ProvenExchange, { deps }: Registry): Promise<void> {
  sendJson(res, 200, true, { 'X-Sparse-Manifest-Support': String(deps.config.FEATURE_SPARSE_INDEX) });
  return Promise.resolve();
}
