import type { ProvenExchange } from './exchange';
import { sendJson } from './reply';

/** `GET /v2/`: the token is good, whatever it allows (registry spec 8). */
export async function ping({ res }: ProvenExchange): Promise<void> {
  sendJson(res, 200, true, { 'X-Sparse-Manifest-Support': 'false' });
  return Promise.resolve();
}
