import { isDigest } from '../../model/digests';
import { RegistryError } from '../errors';

/** The parameter `digest` that ends an upload. */
export function requiredDigest(query: URLSearchParams): string {
  const digest = query.get('digest');
  if (digest === null || digest === '') {
    throw new RegistryError('BLOB_UPLOAD_INVALID', {}, { message: 'the parameter digest is missing' });
  }
  if (!isDigest(digest)) {
    throw new RegistryError(
      'DIGEST_INVALID',
      { digest },
      { message: `"${digest}" is not a sha256 or sha512 digest` },
    );
  }
  return digest;
}
