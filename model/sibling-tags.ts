/** Kinds of tags that signers keep beside an image (registry spec 7). */
const KINDS = ['sig', 'att', 'sbom'] as const;

/** Which names are those of siblings, as the databases read it. */
export const SIBLING_PATTERN = `^sha256-[0-9a-f]{64}[.](${KINDS.join('|')})$`;

/** Names of the tags under which cosign keeps signatures, attestations and the bill of materials of a digest. */
export function siblingTagsOf(digest: string): string[] {
  return KINDS.map((kind) => `${digest.replace(':', '-')}.${kind}`);
}
