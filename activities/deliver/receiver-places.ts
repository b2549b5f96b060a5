/** A call that may be made; `release` says whether it was answered, whatever the answer was. */
export interface Place {
  release(wasAnswered: boolean): void;
}

/** Why a call has to wait for another try: the receiver is `busy` with our calls, or `silent` lately. */
export type NoPlace = 'busy' | 'silent';

interface Waiting {
  owner: string | undefined;
  settle: (answer: Place | NoPlace) => void;
}

interface Receiver {
  limit: number;
  taken: number;
  waiting: Waiting[];
}

export interface ReceiverPlacesOptions {
  /** Calls that the worker makes at once. */
  slots: number;
  /** Default 2 s: how long a call waits for a place of a receiver that answers. */
  waitMs?: number;
  /** Of a clock that nobody sets. */
  now?: () => number;
}

const START = 4;
const MOST = 32;
const PROMPT_MS = 1000;
const SLOW_MS = 5000;
const MOST_RECEIVERS = 5000;

/**
 * Shares the worker's calls between receivers, so that those that hang do not keep the others waiting. A receiver begins
 * with a few calls at once; prompt answers double that, slow ones halve it, and one that does not answer is left one call
 * until it does. All receivers that have not proven prompt share half of the slots. Of the rest one owner has half at most:
 * somebody with a wildcard in their DNS has as many receivers that are prompt at first as they like.
 */
export class ReceiverPlaces {
  readonly #receivers = new Map<string, Receiver>();
  /** Calls to receivers that were prompt, under way and waiting, by owner. */
  readonly #held = new Map<string, number>();
  readonly #waitMs: number;
  readonly #now: () => number;
  #unproven = 0;

  constructor(private readonly options: ReceiverPlacesOptions) {
    this.#waitMs = options.waitMs ?? 2000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** `owner`: whoever chose the receiver; absent where that is the operator. */
  async take(name: string, owner?: string): Promise<Place | NoPlace> {
    const receiver = this.#find(name);
    const mayHold = this.#mayHold(receiver, owner);
    if (receiver.taken < receiver.limit && mayHold) return this.#give(receiver, owner);
    if (receiver.limit === 1) return 'silent';
    if (receiver.waiting.length >= 2 * receiver.limit || !mayHold) return 'busy';
    return this.#wait(receiver, owner);
  }

  #find(name: string): Receiver {
    const receiver = this.#receivers.get(name) ?? { limit: START, taken: 0, waiting: [] };
    // The one that was used longest ago is the first to be forgotten.
    this.#receivers.delete(name);
    this.#receivers.set(name, receiver);
    if (this.#receivers.size > MOST_RECEIVERS) this.#forgetOne();
    return receiver;
  }

  #forgetOne(): void {
    for (const [name, { taken, waiting }] of this.#receivers) {
      if (taken > 0 || waiting.length > 0) continue;
      this.#receivers.delete(name);
      return;
    }
  }

  #mayHold({ limit }: Receiver, owner: string | undefined): boolean {
    if (limit <= START) return this.#unproven < this.options.slots / 2;
    return owner === undefined || (this.#held.get(owner) ?? 0) < this.options.slots / 4;
  }

  /** Counts a slot that is used from now on, until what it answers is called. */
  #hold({ limit }: Receiver, owner: string | undefined): () => void {
    if (limit <= START) {
      this.#unproven += 1;
      return () => void (this.#unproven -= 1);
    }
    if (owner === undefined) return () => undefined;
    this.#count(owner, 1);
    return () => this.#count(owner, -1);
  }

  #count(owner: string, change: 1 | -1): void {
    const held = (this.#held.get(owner) ?? 0) + change;
    if (held > 0) this.#held.set(owner, held);
    else this.#held.delete(owner);
  }

  #wait(receiver: Receiver, owner: string | undefined): Promise<Place | NoPlace> {
    const letGo = this.#hold(receiver, owner);
    return new Promise((resolve) => {
      const settle = (answer: Place | NoPlace): void => {
        clearTimeout(timer);
        receiver.waiting = receiver.waiting.filter((other) => other.settle !== settle);
        letGo();
        resolve(answer);
      };
      const timer = setTimeout(() => settle('busy'), this.#waitMs);
      receiver.waiting.push({ owner, settle });
    });
  }

  #give(receiver: Receiver, owner: string | undefined): Place {
    const letGo = this.#hold(receiver, owner);
    const startedAtMs = this.#now();
    receiver.taken += 1;
    return {
      release: (wasAnswered) => {
        receiver.taken -= 1;
        letGo();
        receiver.limit = nextLimit(receiver.limit, this.#now() - startedAtMs, wasAnswered);
        this.#wake(receiver);
      },
    };
  }

  #wake(receiver: Receiver): void {
    if (receiver.limit === 1) for (const { settle } of receiver.waiting) settle('silent');
    const free = Math.max(receiver.limit - receiver.taken, 0);
    for (const { owner, settle } of receiver.waiting.slice(0, free)) settle(this.#give(receiver, owner));
  }
}

/** A refusal that comes at once costs nothing and proves nothing. */
function nextLimit(limit: number, tookMs: number, wasAnswered: boolean): number {
  if (!wasAnswered) return tookMs < PROMPT_MS ? limit : 1;
  if (tookMs < PROMPT_MS) return Math.min(limit * 2, MOST);
  // Prompt once is not prompt for ever.
  return Math.max(tookMs > SLOW_MS ? Math.floor(limit / 2) : Math.min(limit, START), 2);
}
