import { textLines } from '../text-lines';

/** Variables of an os-release file; comments and malformed lines are ignored (scanning spec 2.4). */
export function parseOsRelease(content: Buffer): Map<string, string> {
  const variables = new Map<string, string>();
  for (const line of textLines(content)) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    const value = match && unquote((match[2] ?? '').trim());
    if (match?.[1] && typeof value === 'string') variables.set(match[1], value);
  }
  return variables;
}

/** Undefined for a value that a shell would not accept, such as an open quote. */
function unquote(value: string): string | undefined {
  const single = /^'([^']*)'\s*(?:#.*)?$/.exec(value);
  if (single) return single[1];
  const double = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(value);
  if (double) return (double[1] ?? '').replace(/\\(.)/g, '$1');
  if (/^["']/.test(value) || /\s(?!#|\s)/.test(value.replace(/\s#.*$/, ''))) return undefined;
  return value
    .replace(/\s#.*$/, '')
    .replace(/\\(.)/g, '$1')
    .trim();
}
