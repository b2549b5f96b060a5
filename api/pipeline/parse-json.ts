/** Deeper than anything sensible, shallower than what databases (MySQL: 100) and recursive functions take. */
const DEEPEST = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** The value of a JSON text in UTF-8; throws a sentence's end that says what the text is or does wrong. */
export function parseJson(bytes: Buffer): unknown {
  if (depthOf(bytes) > DEEPEST) throw new SyntaxError(`is nested deeper than ${DEEPEST} levels`);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw new SyntaxError('is not valid JSON');
  }
}

/** Brackets outside of strings; counted before anything that recurses sees the value. */
function depthOf(bytes: Buffer): number {
  let deepest = 0;
  let depth = 0;
  let isString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (isString && byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) isString = !isString;
    else if (isString) continue;
    else if (OPENING.has(byte)) deepest = Math.max(deepest, (depth += 1));
    else if (CLOSING.has(byte)) depth -= 1;
  }
  return deepest;
}
