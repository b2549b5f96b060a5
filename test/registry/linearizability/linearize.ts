import { isDeepStrictEqual } from 'node:util';

/** One operation of a client: what it asked for, what it was told, and when by one clock. */
export interface Operation<Input, Output> {
  client: number;
  input: Input;
  output: Output;
  calledAtMs: number;
  answeredAtMs: number;
}

/** What one client alone would see. */
export interface Specification<State, Input, Output> {
  /** Plain data: equal states have equal JSON. */
  initial: State;
  apply(state: State, input: Input): { state: State; output: Output };
}

/**
 * An order of the operations in which one client alone would have been told the same, and in which nothing comes before
 * what had ended when it began; undefined when there is none, so that the history is not linearizable (Herlihy and Wing).
 * The search is that of Wing and Gong; what has been tried from a state in vain is not tried again (Lowe).
 */
export function linearize<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
): Operation<Input, Output>[] | undefined {
  const tried = new Set<string>();

  function search(done: ReadonlySet<number>, state: State): number[] | undefined {
    if (done.size === history.length) return [];
    const place = `${[...done].sort((a, b) => a - b).join()} ${JSON.stringify(state)}`;
    if (tried.has(place)) return undefined;
    tried.add(place);
    for (const at of mayBeNext(history, done)) {
      const operation = history[at];
      if (!operation) continue;
      const { state: after, output } = specification.apply(state, operation.input);
      if (!isDeepStrictEqual(output, operation.output)) continue;
      const rest = search(new Set([...done, at]), after);
      if (rest) return [at, ...rest];
    }
    return undefined;
  }

  return search(new Set(), specification.initial)?.flatMap((at) => history[at] ?? []);
}

/** Those that began before any other that is left had ended. */
function mayBeNext(history: readonly Operation<unknown, unknown>[], done: ReadonlySet<number>): number[] {
  const left = [...history.keys()].filter((at) => !done.has(at));
  const firstEndMs = Math.min(...left.map((at) => history[at]?.answeredAtMs ?? Infinity));
  return left.filter((at) => (history[at]?.calledAtMs ?? Infinity) <= firstEndMs);
}

/** The operations by their beginning, for people. */
export function describeHistory(history: readonly Operation<unknown, unknown>[]): string {
  const sorted = [...history].sort((a, b) => a.calledAtMs - b.calledAtMs);
  const startMs = sorted[0]?.calledAtMs ?? 0;
  return sorted
    .map(({ client, input, output, calledAtMs, answeredAtMs }) => {
      const times = [calledAtMs, answeredAtMs]
        .map((atMs) => (atMs - startMs).toFixed(2).padStart(9))
        .join(' …');
      return `${times} ms  client ${client}  ${JSON.stringify(input)} → ${JSON.stringify(output)}`;
    })
    .join('\n');
}
