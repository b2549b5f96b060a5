import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = join(__dirname, '..', '..');
const LINES = 5000;

describe('a process', function () {
  this.timeout(60_000);

  /** A process of ours whose work is this code; `logger`, `stopping` and `hurrying` are at hand. */
  function start(work: string) {
    const code = `
      const { createLogger } = require(${JSON.stringify(join(ROOT, 'telemetry', 'logger'))});
      const { runProcess } = require(${JSON.stringify(join(ROOT, 'telemetry', 'run-process'))});
      const logger = createLogger('test', { LOG_LEVEL: 'info' });
      const aborted = (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve));
      const alive = setInterval(() => undefined, 1000);
      void runProcess(logger, async ({ stopping, hurrying }) => { ${work} });
    `;
    const child = spawn(process.execPath, ['--require', 'tsx/cjs', '--eval', code], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return { child, ended: once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]> };
  }

  it('loses no line of its log, however slowly the pipe is read', async () => {
    const { child, ended } = start(`
      for (let at = 0; at < ${LINES}; at += 1) logger.info({ at, filler: 'x'.repeat(200) }, 'a line');
      throw new Error('the last one');
    `);
    let text = '';
    let reads = 0;
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += String(chunk);
      reads += 1;
      // Slower than it writes: its pipe is full most of the time.
      if (reads < 20) await delay(20);
    }
    assert.deepEqual(await ended, [1, null]);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { at?: number; msg: string });
    assert.deepEqual(
      lines.slice(0, LINES).map(({ at }) => at),
      Array.from({ length: LINES }, (_, at) => at),
    );
    assert.equal(lines.at(-1)?.msg, 'the process ends because of an error');
  });

  it('is asked to stop by the first signal, to hurry by the second, and ended by the third', async () => {
    const { child, ended } = start(`
      logger.info({}, 'up');
      await aborted(stopping);
      logger.info({}, 'asked to stop');
      await aborted(hurrying);
      logger.info({}, 'asked to hurry');
      await new Promise(() => undefined);
    `);
    const expected = ['up', 'asked to stop', 'asked to hurry'];
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      while (expected[0] !== undefined && String(chunk).includes(`"${expected[0]}"`)) {
        expected.shift();
        child.kill('SIGTERM');
      }
    }
    assert.deepEqual(expected, []);
    assert.deepEqual(await ended, [130, null]);
  });

  it('ends with 0 when its work does', async () => {
    const { child, ended } = start(`
      logger.info({}, 'up');
      await aborted(stopping);
    `);
    child.stdout.once('data', () => child.kill('SIGINT'));
    assert.deepEqual(await ended, [0, null]);
  });
});
