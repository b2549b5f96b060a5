/** Of all warnings of one answer together (distribution-spec, "Warnings"). */
const LIMIT_BYTES = 4096;

/** What people should know although their request succeeded: clients show it. What does not fit is left out. */
export function warningHeaders(texts: readonly string[]): Record<string, string[]> {
  const warnings: string[] = [];
  let sizeBytes = 0;
  for (const text of texts) {
    const warning = `299 - "${text.replace(/["\\]/g, '\\$&')}"`;
    sizeBytes += Buffer.byteLength(warning);
    if (sizeBytes > LIMIT_BYTES) break;
    warnings.push(warning);
  }
  return warnings.length === 0 ? {} : { Warning: warnings };
}
