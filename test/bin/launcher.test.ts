import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { eventually } from '../support/eventually';

const LAUNCHER = resolve('bin', 'slipway');

interface Status {
  isRunning: boolean;
  isHealthy: boolean;
  parts: { name: string; state: string; pid: number | null; restarts: number; isHealthy: boolean }[];
}

/** Answers readiness, and writes down that it was asked to stop. */
const STAND_IN = `
const http = require('node:http');
let isWell = true;
http.createServer((request, response) => {
  if (request.url === '/fail') isWell = false;
  response.writeHead(isWell ? 200 : 503).end(isWell ? 'ok' : 'no database');
}).listen(process.env.SLIPWAY_HEALTH_PORT, '127.0.0.1');
process.on('SIGTERM', () => {
  require('node:fs').appendFileSync(process.env.SLIPWAY_HOME + '/stopped', process.argv[2] + '\\n');
  process.exit(0);
});
`;

describe('launcher with stand-in parts', function () {
  this.timeout(60_000);

  const started: ChildProcess[] = [];
  let home: string;
  let parts: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'slipway-launcher-'));
    writeFileSync(join(home, 'stand-in.cjs'), STAND_IN);
    parts = writeParts([standIn('low', 1), standIn('high', 2)]);
  });

  afterEach(async () => {
    call('stop');
    for (const child of started.splice(0)) {
      await eventually(() => assert.notEqual(child.exitCode ?? child.signalCode, null));
    }
    rmSync(home, { recursive: true });
  });

  function standIn(name: string, level: number) {
    const command = [process.execPath, join(home, 'stand-in.cjs'), name];
    return { name, level, command, ready: { type: 'http', path: '/health' } };
  }

  function writeParts(list: object[]): string {
    const file = join(home, 'parts.json');
    writeFileSync(file, JSON.stringify({ parts: list }));
    return file;
  }

  const env = () => ({ ...process.env, SLIPWAY_HOME: home, XDG_CACHE_HOME: join(home, 'cache') });
  const call = (...args: string[]) =>
    spawnSync(process.execPath, [LAUNCHER, ...args], { env: env(), encoding: 'utf8' });
  const status = () => JSON.parse(call('status', '--json').stdout) as Status;
  const part = (name: string) => {
    const found = status().parts.find((entry) => entry.name === name);
    assert.ok(found?.pid, `part ${name} has no process`);
    return { ...found, pid: found.pid };
  };

  function start() {
    const child = spawn(process.execPath, [LAUNCHER, 'start', '--parts', parts], {
      env: env(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    const run = { child, output: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (run.output += String(chunk)));
    }
    return run;
  }

  const isReady = (run: { output: string }) => eventually(() => assert.match(run.output, /Slipway is ready/));
  const hasEnded = (child: ChildProcess) =>
    eventually(() => assert.notEqual(child.exitCode ?? child.signalCode, null));

  it('starts by level, shows health, and stops in the other direction', async () => {
    const run = start();
    await isReady(run);
    assert.equal(call('status').status, 0);
    assert.deepEqual(
      status().parts.map(({ name, state }) => [name, state]),
      [
        ['low', 'ready'],
        ['high', 'ready'],
      ],
    );
    run.child.kill('SIGINT');
    await hasEnded(run.child);
    assert.equal(run.child.exitCode, 0);
    assert.equal(readFileSync(join(home, 'stopped'), 'utf8'), 'high\nlow\n');
    assert.equal(call('status').status, 3);
    assert.deepEqual(readdirSync(join(home, 'run')), []);
  });

  it('starts a killed part again and says so, and leaves the others alone', async () => {
    const run = start();
    await isReady(run);
    const before = { low: part('low').pid, high: part('high').pid };
    process.kill(before.low, 'SIGKILL');
    await eventually(() =>
      assert.match(run.output, /low ended by SIGKILL: starting it again in 0\.5 s[^]*low is back/),
    );
    assert.notEqual(part('low').pid, before.low);
    assert.equal(part('low').restarts, 1);
    assert.equal(part('high').pid, before.high);
  });

  it('refuses a second start in the same folder', async () => {
    await isReady(start());
    const second = call('start', '--parts', parts);
    assert.equal(second.status, 4);
    assert.match(second.stderr, /already running in .* bin\/slipway stop/);
    assert.equal(status().isHealthy, true);
  });

  it('comes back after kill -9, without its orphans and without touching a stranger', async () => {
    const first = start();
    await isReady(first);
    const orphan = part('low').pid;
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    started.push(stranger);
    first.child.kill('SIGKILL');
    await hasEnded(first.child);
    assert.equal(status().isRunning, false);
    const second = start();
    await isReady(second);
    assert.notEqual(part('low').pid, orphan);
    assert.equal(
      existsSync(`/proc/${orphan}`) && /^State:\s+[^Z]/m.test(readFileSync(`/proc/${orphan}/status`, 'utf8')),
      false,
    );
    assert.equal(stranger.exitCode, null);
    stranger.kill();
  });

  it('lets stop clean up after a launcher that was killed', async () => {
    const run = start();
    await isReady(run);
    run.child.kill('SIGKILL');
    await hasEnded(run.child);
    assert.equal(call('stop').status, 0);
    assert.equal(readFileSync(join(home, 'stopped'), 'utf8').trim().split('\n').length, 2);
    assert.equal(call('stop').status, 3);
  });

  it('gives up on a part that does not start, shows what it said, and leaves nothing running', async () => {
    const broken = {
      name: 'broken',
      level: 2,
      command: [process.execPath, '-e', 'console.error("no such table"); process.exit(7)'],
    };
    parts = writeParts([standIn('low', 1), { ...broken, ready: { type: 'http', path: '/' } }]);
    const run = start();
    await hasEnded(run.child);
    assert.equal(run.child.exitCode, 19);
    assert.match(run.output, /slipway: broken did not start \(ended with code 7\)[^]*no such table/);
    assert.equal(readFileSync(join(home, 'stopped'), 'utf8'), 'low\n');
  });

  it('runs a step that ends before what stands on it, and stops when it fails', async () => {
    const migrate = {
      name: 'migrate',
      level: 0,
      once: true,
      command: [process.execPath, '-e', 'process.exit(2)'],
    };
    parts = writeParts([migrate, standIn('low', 1)]);
    const run = start();
    await hasEnded(run.child);
    assert.equal(run.child.exitCode, 19);
    assert.equal(existsSync(join(home, 'logs', 'low.log')), false);
  });

  it('reports a part that answers but is not well, and does not kill it', async () => {
    const run = start();
    await isReady(run);
    const { pid } = part('high');
    const port = (status().parts.find(({ name }) => name === 'high') as { healthPort?: number } | undefined)
      ?.healthPort;
    await fetch(`http://127.0.0.1:${port}/fail`);
    await eventually(() => assert.match(run.output, /high answers 503 no database/));
    assert.equal(call('status').status, 5);
    assert.equal(part('high').pid, pid);
  });

  it('ends with 130 when it is interrupted before everything is ready', async () => {
    const slow = { ...standIn('slow', 1), command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] };
    parts = writeParts([slow]);
    const run = start();
    await eventually(() => assert.ok(existsSync(join(home, 'run', 'slow.pid.json'))));
    run.child.kill('SIGTERM');
    await hasEnded(run.child);
    assert.equal(run.child.exitCode, 130);
    assert.deepEqual(readdirSync(join(home, 'run')), []);
  });
});
