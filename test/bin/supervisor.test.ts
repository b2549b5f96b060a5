import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { Supervisor } from '../../bin/launcher/parts/supervisor.cjs';
import { createTerminal } from '../../bin/launcher/terminal.cjs';
import { eventually } from '../support/eventually';

describe('Supervisor', function () {
  this.timeout(30_000);
  let folder: string;
  let supervisor: Supervisor;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-supervisor-'));
    const layout = { logs: join(folder, 'logs'), run: join(folder, 'run'), id: 'test' };
    mkdirSync(layout.logs);
    mkdirSync(layout.run);
    const terminal = createTerminal({ out: new PassThrough() });
    supervisor = new Supervisor({ layout, terminal, cwd: folder, env: process.env });
  });
  afterEach(async () => {
    await supervisor.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('lives on where a part cannot be started again, and brings it up when that is possible', async () => {
    const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
    await supervisor.start([{ name: 'part', level: 0, command, ready: { type: 'none' } }]);
    const [before] = supervisor.describe();
    assert.ok(before?.pid);
    // What its process would be recorded in cannot be written, as on a full disk.
    rmSync(join(folder, 'run'), { recursive: true });
    process.kill(before.pid, 'SIGKILL');
    await eventually(() => assert.ok((supervisor.describe()[0]?.restarts ?? 0) >= 2));
    mkdirSync(join(folder, 'run'));
    await eventually(() => {
      const [now] = supervisor.describe();
      assert.equal(now?.state, 'ready');
      assert.notEqual(now.pid, before.pid);
    });
  });

  it('stops a part that others have to outlast before them, though they started together', async () => {
    const order = join(folder, 'order');
    const part = (name: string, stopLevel?: number) => {
      const script = `const { appendFileSync } = require('node:fs');
        process.on('SIGTERM', () => setTimeout(() => {
          appendFileSync(${JSON.stringify(order)}, '${name} ');
          process.exit();
        }, ${stopLevel ? 200 : 0}));
        console.log('up');
        setInterval(() => {}, 1000);`;
      const command = [process.execPath, '-e', script];
      return {
        name,
        level: 3,
        command,
        ready: { type: 'none' as const },
        ...(stopLevel ? { stopLevel } : {}),
      };
    };
    await supervisor.start([part('host'), part('guest', 4)]);
    for (const name of ['host', 'guest']) {
      await eventually(() => assert.match(readFileSync(join(folder, 'logs', `${name}.log`), 'utf8'), /up/));
    }
    await supervisor.stop();
    assert.equal(readFileSync(order, 'utf8'), 'guest host ');
  });

  it('asks a part that takes its time once more before it kills it', async () => {
    const script = `let asked = 0;
      process.on('SIGTERM', () => { asked += 1; console.log('asked', asked); if (asked === 2) process.exit(); });
      console.log('up');
      setInterval(() => {}, 1000);`;
    const command = [process.execPath, '-e', script];
    const times = { hurryAfterMs: 100, stopTimeoutMs: 20_000 };
    await supervisor.start([{ name: 'part', level: 0, command, ready: { type: 'none' }, ...times }]);
    const log = () => readFileSync(join(folder, 'logs', 'part.log'), 'utf8');
    await eventually(() => assert.match(log(), /up/));
    await supervisor.stop();
    assert.match(log(), /asked 2/);
  });
});
