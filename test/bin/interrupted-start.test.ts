import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { eventually } from '../support/eventually';
import type { Missing } from '../support/machine';
import { Machine, canMakeMachines, ended } from '../support/machine';

/** Tells that it runs, and goes on with a child of its own until it is ended. */
const ENDLESS = 'echo "$@" >> "$XDG_CACHE_HOME/called"; sleep 600 & wait';

describe('an interrupted npm start', function () {
  this.timeout(60_000);

  let machine: Machine;

  before(function () {
    if (!canMakeMachines()) this.skip();
  });

  beforeEach(() => {
    machine = new Machine();
  });

  afterEach(() => machine.dispose());

  const called = () => {
    const file = join(machine.cache, 'called');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };

  /** Interrupts when the stand-in was called like this; nothing may be left. */
  async function endsAt(signal: NodeJS.Signals, call: RegExp, missing: Missing = {}): Promise<string> {
    const running = machine.start(['start', '--yes'], missing);
    await eventually(() => assert.match(called(), call, running.output()), 20_000);
    running.child.kill(signal);
    await ended(running);
    assert.equal(running.child.exitCode, 130, running.output());
    machine.assertNothingLeft(running.output());
    assert.deepEqual(readdirSync(join(machine.home, 'run')), []);
    return running.output();
  }

  it('ends Go and its children while it builds Temporal, and keeps nothing of it', async () => {
    machine.forgetTemporal();
    machine.standIn('go', `[ "$1" = version ] && exec echo go version go1.26 linux/amd64\n${ENDLESS}`);
    await endsAt('SIGINT', /^install /m, { commands: ['temporal'], network: false });
    assert.deepEqual(readdirSync(join(machine.cache, 'slipway', 'bin')), []);
  });

  it('ends npm while it installs', async () => {
    rmSync(join(machine.checkout, 'node_modules'));
    machine.standIn('npm', `[ "$1" = config ] && exec echo '{}'\n${ENDLESS}`);
    await endsAt('SIGTERM', /^ci /m);
  });

  it('lets apt-get finish a package, and begins nothing after it', async () => {
    machine.standIn(
      'apt-get',
      `echo "$@" >> "$XDG_CACHE_HOME/called"; trap : INT; sleep 2 & wait; wait; echo finished >> "$XDG_CACHE_HOME/called"; exit 1`,
    );
    await endsAt('SIGINT', /install docker\.io/, { aptGet: true });
    const lines = called().trim().split('\n');
    assert.equal(lines.length, 2, called());
    assert.equal(lines[1], 'finished');
  });

  it('ends the servers that are just starting', async () => {
    machine.standIn('mariadbd', `case "$*" in *--version*) exec /usr/sbin/mariadbd "$@";; esac\n${ENDLESS}`);
    await endsAt('SIGHUP', /--datadir/);
  });

  it('ends while the private database is made, and makes it at the next start', async () => {
    machine.standIn('mariadb-install-db', ENDLESS);
    await endsAt('SIGTERM', /--datadir/);
    assert.deepEqual(
      readdirSync(machine.home).filter((name) => name.startsWith('mysql')),
      [],
    );
  });
});
