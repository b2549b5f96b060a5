import { readUpload } from '../../commands/content/uploads';
import type { Registry, RepositoryExchange } from '../exchange';
import { sendSession } from './session-replies';

/** `GET <location>`: how far an upload got (registry spec 4.4). */
export async function uploadStatus(exchange: RepositoryExchange, { content }: Registry): Promise<void> {
  const { route, pusher, path, res } = exchange;
  const { receivedBytes } = await readUpload(content, pusher, path, route.reference);
  sendSession(res, 204, { name: route.name, uuid: route.reference, receivedBytes });
}
