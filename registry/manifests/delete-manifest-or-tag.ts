import { deleteManifest } from '../../commands/content/delete-manifest';
import { deleteTagAs } from '../../commands/content/tags';
import type { Registry, RepositoryExchange } from '../exchange';
import { sendEmpty } from '../reply';
import { parseReference } from './reference';

/** `DELETE …/manifests/<tag or digest>`: by tag only the tag goes, by digest every tag on it (registry spec 5.3). */
export async function deleteManifestOrTag(
  exchange: RepositoryExchange,
  { content }: Registry,
): Promise<void> {
  const { pusher, path, res } = exchange;
  const reference = parseReference(exchange.route.reference);
  if (reference.kind === 'tag') await deleteTagAs(content, pusher, path, reference.tag);
  else await deleteManifest(content, pusher, path, reference.digest);
  sendEmpty(res, 202);
}
