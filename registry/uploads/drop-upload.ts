import { cancelUpload } from '../../commands/content/uploads';
import type { Registry, RepositoryExchange } from '../exchange';
import { sendEmpty } from '../reply';

/** `DELETE <location>` (registry spec 4.6). */
export async function dropUpload(exchange: RepositoryExchange, { content, deps }: Registry): Promise<void> {
  const { route, pusher, path, res } = exchange;
  const { storageKey } = await cancelUpload(content, pusher, path, route.reference);
  await deps.storage.discardUpload(storageKey);
  sendEmpty(res, 204);
}
