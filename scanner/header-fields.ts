/** Fields of one RFC 822 block by lower-case name; a repeated field keeps its first value. */
export type HeaderFields = Map<string, string>;

/**
 * Splits lines into RFC 822 blocks: `Key: value`, continuation lines begin with a blank, an empty line ends a block.
 * Only fields of `wanted` (lower case) are kept. Lines that are no field are skipped.
 */
export function* headerBlocks(lines: Iterable<string>, wanted: ReadonlySet<string>): Generator<HeaderFields> {
  let block: HeaderFields = new Map();
  let isStarted = false;
  let current: string | undefined;
  for (const line of lines) {
    if (line.trim() === '') {
      if (isStarted) yield block;
      block = new Map();
      isStarted = false;
      current = undefined;
      continue;
    }
    isStarted = true;
    if (/^[ \t]/.test(line)) {
      if (current !== undefined) block.set(current, `${block.get(current) ?? ''}\n${line.trim()}`);
      continue;
    }
    current = addField(block, line, wanted);
  }
  if (isStarted) yield block;
}

function addField(block: HeaderFields, line: string, wanted: ReadonlySet<string>): string | undefined {
  const colon = line.indexOf(':');
  if (colon <= 0) return undefined;
  const name = line.slice(0, colon).trim().toLowerCase();
  if (!wanted.has(name) || block.has(name)) return undefined;
  block.set(name, line.slice(colon + 1).trim());
  return name;
}
