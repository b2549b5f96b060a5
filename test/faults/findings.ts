/** What a checker has against the product; nothing is the best there is. */
export class Findings {
  readonly list: string[] = [];

  expect(isTrue: boolean, finding: string): void {
    if (!isTrue) this.list.push(finding);
  }

  /** A promise that must come true; its failure is a finding and ends nothing. */
  async attempt(what: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      this.list.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
