import type { ContentLink } from '../../db/stores/integrity';
import type { Descriptor } from '../../model/manifests';

export interface Reference extends Pick<Descriptor, 'digest' | 'size'> {
  noun: 'blob' | 'manifest';
}

export interface ReferenceFault {
  kind: 'missing' | 'corrupt';
  problem: string;
  names: string;
}

/**
 * What is wrong with a blob or child that a manifest names, going by the link to it. Without a link, `isKnown` tells
 * whether there would be something to link to.
 */
export function referenceFault(
  { noun, digest, size }: Reference,
  link: ContentLink | undefined,
  isKnown: boolean,
): ReferenceFault | undefined {
  const missing = (what: string): ReferenceFault => {
    return { kind: 'missing', problem: `${noun} ${digest} ${what}`, names: digest };
  };
  if (!link) {
    return missing(isKnown ? 'is there, but the manifest has no link to it' : 'is not in the database');
  }
  if (link.isDeleted) return missing('was deleted');
  if (!link.isInRepository) return missing('is not linked to the repository');
  if (link.sizeBytes === size) return undefined;
  const problem = `${noun} ${digest} has ${link.sizeBytes} bytes, the manifest says ${size}`;
  return { kind: 'corrupt', problem, names: digest };
}
