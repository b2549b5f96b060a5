import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';

import type Docker from 'dockerode';

import { openBuildSession } from '../../../activities/build/build-session';
import { docker, dockerIsMissing } from '../../support/docker';
import { eventually } from '../../support/eventually';

describe('the session of a build with the engine', function () {
  this.timeout(60_000);
  before(function () {
    if (dockerIsMissing()) this.skip();
  });

  it('outlasts the engine, which asks for its health every second, until it is closed', async () => {
    const engine = await docker();
    const sockets = spyOnSockets(engine);
    const credentials = { host: 'registry.example', username: 'ann', password: 'secret' };
    const session = await openBuildSession(engine, credentials);
    const [socket] = sockets;
    assert.ok(socket);
    const since = performance.now();
    // Two rounds of questions, after the first of which a silent session is gone.
    await eventually(() => assert.ok(performance.now() - since > 2500), 20_000, 100);
    assert.equal(socket.closed, false);
    session.close();
    await eventually(() => assert.equal(socket.closed, true));
  });
});

/** The connections that this client of the engine opens from now on. */
function spyOnSockets(engine: Docker): Duplex[] {
  type Dial = (options: object, done: (error: Error | null, socket: Duplex) => void) => void;
  const sockets: Duplex[] = [];
  // The modem is dockerode's untyped transport.
  const modem = engine.modem as { dial: Dial };
  const dial = modem.dial.bind(modem);
  modem.dial = (options, done) =>
    dial(options, (error, socket) => {
      if (!error) sockets.push(socket);
      done(error, socket);
    });
  return sockets;
}
