/** Something that a test opens once and others wait for. */
export class Gate {
  #open: () => void = () => undefined;
  /** Settles when the gate opens. */
  readonly opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }
}
