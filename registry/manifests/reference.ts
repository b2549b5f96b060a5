import { isDigest } from '../../model/digests';
import { isTagName } from '../../model/names';
import { RegistryError } from '../errors';

export type Reference = { kind: 'tag'; tag: string } | { kind: 'digest'; digest: string };

/** A tag, or a digest: only a digest has a colon. */
export function parseReference(reference: string): Reference {
  if (reference.includes(':')) {
    if (isDigest(reference)) return { kind: 'digest', digest: reference };
    throw new RegistryError(
      'DIGEST_INVALID',
      { digest: reference },
      { message: `"${reference}" is not a sha256 or sha512 digest` },
    );
  }
  if (isTagName(reference)) return { kind: 'tag', tag: reference };
  throw new RegistryError('TAG_INVALID', { tag: reference }, { message: `"${reference}" is not a tag name` });
}
