const EVERY_MS = 500;
/** Of a terminal that does not tell its width. */
const USUAL_COLUMNS = 80;
const CLEAR = '\r\x1b[K';

interface ProgressLine {
  /** Makes room for another line. */
  clear: () => void;
  stop: () => void;
}

/** Writes one line over and over on a terminal; anything else gets nothing. */
export function startProgressLine(
  stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>,
  text: () => string,
): ProgressLine {
  if (!stream.isTTY) return { clear: () => undefined, stop: () => undefined };
  const clear = () => void stream.write(CLEAR);
  const timer = setInterval(() => {
    // A line that wraps could not be taken back.
    stream.write(CLEAR + text().slice(0, (stream.columns || USUAL_COLUMNS) - 1));
  }, EVERY_MS);
  return {
    clear,
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}
