const [QUOTE, BACKSLASH, COMMA] = ['"', '\\', ','].map((text) => text.charCodeAt(0));
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = ['{', '}', '[', ']'].map((text) =>
  text.charCodeAt(0),
);

/**
 * The first name that an object of a JSON text has twice, in whatever object; undefined when there is none. Readers differ in
 * which of the two they take, so such a text means different things to different people. `text` is JSON, as `JSON.parse` has
 * found; nesting costs memory, never the stack.
 */
export function duplicateKey(text: string): string | undefined {
  /** Names so far of the objects around here; null for a list. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
        open.push(new Set());
        isName = true;
        break;
      case OPEN_LIST:
        open.push(null);
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        break;
      case COMMA:
        isName = true;
        break;
      case QUOTE: {
        const end = endOfText(text, at);
        const names = open.at(-1);
        if (isName && names) {
          const name = JSON.parse(text.slice(at, end + 1)) as string;
          if (names.has(name)) return name;
          names.add(name);
        }
        isName = false;
        at = end;
        break;
      }
    }
  }
  return undefined;
}

/** Where the text that begins at `start` has its closing quote. */
function endOfText(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}
