const NEWLINE = 0x0a;

/** Lines of a file without their ends (LF or CRLF), decoded one by one so that a big file is never a big string. */
export function* textLines(content: Buffer): Generator<string> {
  let start = 0;
  while (start < content.length) {
    const found = content.indexOf(NEWLINE, start);
    const end = found === -1 ? content.length : found;
    const line = content.toString('utf8', start, end);
    yield line.endsWith('\r') ? line.slice(0, -1) : line;
    start = end + 1;
  }
}
