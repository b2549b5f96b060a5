interface Turn<T> {
  current: Promise<T>;
  /** Begins when `current` has ended. */
  next?: Promise<T>;
}

/**
 * Lets requests that ask the same of the database at the same time share a statement (performance spec 8). None of them sees
 * anything older than its own beginning: whoever comes while a statement is under way waits for the next one, which
 * all share that came meanwhile. So a tag that moved is seen at once, and a thousand pullers of one tag cost two statements.
 */
export class SharedReads<T> {
  private readonly turns = new Map<string, Turn<T>>();

  /** `key` names what `read` asks for. */
  run(key: string, read: () => Promise<T>): Promise<T> {
    const turn = this.turns.get(key);
    if (!turn) return this.start(key, read);
    const begin = () => this.start(key, read);
    turn.next ??= turn.current.then(begin, begin);
    return turn.next;
  }

  private start(key: string, read: () => Promise<T>): Promise<T> {
    const turn: Turn<T> = { current: read() };
    this.turns.set(key, turn);
    const end = () => {
      if (!turn.next) this.turns.delete(key);
    };
    turn.current.then(end, end);
    return turn.current;
  }
}
