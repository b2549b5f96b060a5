/** What a request may bring about. When neither is called, nobody knows how it ended, and both states are possible. */
export interface Attempt {
  acknowledge(): void;
  refuse(): void;
}

/** For each name the states in which it may be found: one, or several after answers that never came. */
export class PossibleStates<State> {
  private readonly states = new Map<string, ReadonlySet<State>>();

  constructor(private readonly initial: State) {}

  get names(): string[] {
    return [...this.states.keys()];
  }

  of(name: string): ReadonlySet<State> {
    return this.states.get(name) ?? new Set([this.initial]);
  }

  /** Names that are in this state beyond doubt. */
  surelyIn(isMeant: (state: State) => boolean): string[] {
    return this.names.filter((name) => this.of(name).size === 1 && [...this.of(name)].every(isMeant));
  }

  isSurely(name: string, state: State): boolean {
    const possible = this.of(name);
    return possible.size === 1 && possible.has(state);
  }

  begin(name: string, state: State): Attempt {
    const before = this.of(name);
    this.states.set(name, new Set([...before, state]));
    return {
      acknowledge: () => this.observe(name, state),
      refuse: () => void this.states.set(name, before),
    };
  }

  /** It was seen, or acknowledged: from here on it is known. */
  observe(name: string, state: State): void {
    this.states.set(name, new Set([state]));
  }
}
