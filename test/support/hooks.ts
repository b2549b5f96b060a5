import 'reflect-metadata';

import { runEndTasks } from './cleanup';

// mocha finds this by name; servers start when the first test asks for them and stop here.
export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    await runEndTasks();
  },
};
