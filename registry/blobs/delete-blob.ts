import { deleteBlobLink } from '../../commands/content/delete-manifest';
import { isDigest } from '../../model/digests';
import { RegistryError } from '../errors';
import type { Registry, RepositoryExchange } from '../exchange';
import { sendEmpty } from '../reply';

/** `DELETE …/blobs/<digest>`: takes the link away; refused while a manifest of the repository names the blob. */
export async function deleteBlob(exchange: RepositoryExchange, { content }: Registry): Promise<void> {
  const { pusher, path, res, route } = exchange;
  if (!isDigest(route.reference)) throw new RegistryError('DIGEST_INVALID', { digest: route.reference });
  await deleteBlobLink(content, pusher, path, route.reference);
  sendEmpty(res, 202);
}
