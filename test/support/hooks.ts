import 'reflect-metadata';

import { runEndTasks } from './cleanup';
import { buildAnnounced } from './go-program';

// mocha finds this by name; servers start when the first test asks for them and stop here.
export const mochaHooks = {
  beforeAll(): void {
    buildAnnounced();
  },
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    await runEndTasks();
    endSoon();
  },
};

/** A test that left something open must not hold up the run for ever: names it, and ends with mocha's own exit code. */
function endSoon(): void {
  setTimeout(() => {
    console.error(`something was left open: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  }, 15_000).unref();
}
