import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { eventually } from '../support/eventually';
import { Machine, canMakeMachines, ended } from '../support/machine';

describe('npm start without Docker and HOME', function () {
  this.timeout(180_000);

  let machine: Machine;

  before(function () {
    if (!canMakeMachines()) this.skip();
    machine = new Machine();
  });

  after(() => machine?.dispose());

  const missing = { env: { HOME: undefined } };

  function startAndWait(network: boolean) {
    const running = machine.start(['start'], { ...missing, network });
    return eventually(() => {
      assert.equal(running.child.exitCode, null, running.output());
      assert.match(running.output(), /Slipway is ready/);
      return running;
    }, 90_000);
  }

  it('says why builds are off, runs the rest, and comes back without network after kill -9', async () => {
    const first = await startAndWait(true);
    assert.match(
      first.output(),
      /builds +off: no Docker engine \(.*\): install docker\.io.* or set DOCKER_HOST/,
    );
    const config = readFileSync(join(machine.home, 'config.yaml'), 'utf8');

    const status = await machine.runBeside(['status'], missing);
    assert.equal(status.code, 0, status.output);
    assert.match(status.output, /builds +off: no Docker engine/);
    assert.doesNotMatch(status.output, /build-worker/);
    assert.deepEqual(running(status.output), ['database', 'relay', 'serve', 'temporal', 'worker']);
    const again = await machine.runBeside(['start'], missing);
    assert.equal(again.code, 4, again.output);

    first.child.kill('SIGKILL');
    await ended(first);
    const second = await startAndWait(false);
    assert.equal(readFileSync(join(machine.home, 'config.yaml'), 'utf8'), config);
    second.child.kill('SIGTERM');
    await ended(second);
    assert.equal(second.child.exitCode, 0, second.output());
    machine.assertNothingLeft();
    assert.deepEqual(readdirSync(join(machine.home, 'run')), []);
  });
});

const running = (status: string) =>
  [...status.matchAll(/^ {2}([a-z-]+) +ready, process \d+/gm)].map((match) => match[1]).sort();
