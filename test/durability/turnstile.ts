import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** Lets clients work while the product is there, and tells when none of them waits for an answer any more. */
export class Turnstile {
  hasEnded = false;
  private inside = 0;
  private isDoubtful = false;
  private opened: Promise<void>;
  private open: () => void = () => undefined;
  private onEmpty: (() => void) | undefined;

  constructor(private readonly isUp: () => Promise<boolean>) {
    this.opened = this.closed();
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** For one who is inside and got no answer: lets the product be started again, and goes in once more. */
  async goRound(): Promise<void> {
    this.leave();
    await this.enter();
  }

  /** An answer did not come: the product may be gone, though nobody has closed yet. */
  doubt(): void {
    this.isDoubtful = true;
  }

  /** Sends everybody away who comes. */
  end(): void {
    this.hasEnded = true;
    this.open();
  }

  letIn(): void {
    this.open();
  }

  /** Answers when the last one has left. */
  async close(): Promise<void> {
    this.opened = this.closed();
    if (this.inside > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
    this.onEmpty = undefined;
  }

  private async enter(): Promise<void> {
    for (;;) {
      await this.opened;
      if (this.hasEnded) throw new Error('there is nothing to go in for any more');
      this.inside += 1;
      if (!this.isDoubtful || (await this.isUp())) break;
      this.leave();
      await delay(POLL_MS);
    }
    this.isDoubtful = false;
  }

  private leave(): void {
    this.inside -= 1;
    if (this.inside === 0) this.onEmpty?.();
  }

  private closed(): Promise<void> {
    return new Promise((resolve) => (this.open = resolve));
  }
}
