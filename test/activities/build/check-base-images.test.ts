import assert from 'node:assert/strict';

import type { StepBench } from '../../support/build-steps';
import { isUserError, stepBench } from '../../support/build-steps';

describe('checkBaseImages', () => {
  let bench: StepBench;
  before(async () => {
    bench = await stepBench();
  });
  after(() => bench.dispose());

  for (const image of [
    'reg.example/Größe:1',
    'reg.example/a/../../containers',
    'reg.example/a?b',
    'reg.example/',
  ]) {
    it(`tells the user that ${image} is no image, and asks the engine nothing`, async () => {
      const { attempt } = await bench.begin();
      await assert.rejects(
        bench.run(() => bench.steps.checkBaseImages(attempt, [image])),
        isUserError('cannotpullbaseimage', /is not the name of an image/),
      );
    });
  }
});
