import assert from 'node:assert/strict';

import { BuildLogWriter } from '../../../activities/build/log-writer';
import { eventually } from '../../support/eventually';
import type { StepBench } from '../../support/build-steps';
import { stepBench } from '../../support/build-steps';

describe('the writer of a build log', () => {
  let bench: StepBench;
  before(async () => {
    bench = await stepBench();
  });
  after(() => bench.dispose());

  /** A writer whose transactions can be counted and held up. */
  async function open(onOver?: (reason: Error) => void) {
    const { build, attempt } = await bench.begin();
    let transactions = 0;
    let gate: Promise<void> = Promise.resolve();
    let openGate = () => {};
    let failures = 0;
    const dataSource = Object.create(bench.dataSource) as typeof bench.dataSource;
    dataSource.transaction = (async (...args: Parameters<typeof dataSource.transaction>) => {
      transactions += 1;
      await gate;
      if (failures > 0) {
        failures -= 1;
        throw new Error('the database is away');
      }
      return bench.dataSource.transaction(...args);
    }) as typeof dataSource.transaction;
    const writer = new BuildLogWriter({ ...bench.deps, dataSource }, attempt, onOver);
    return {
      build,
      writer,
      transactions: () => transactions,
      hold() {
        gate = new Promise((resolve) => (openGate = resolve));
      },
      release: () => openGate(),
      fail: (times: number) => void (failures = times),
      messages: () => bench.messagesOf(build),
    };
  }

  it('writes lines after a silence at once, and what follows closely together', async () => {
    const log = await open();
    log.writer.write({ message: 'Cloning' });
    log.writer.write({ message: 'of the same moment' });
    await eventually(async () => assert.equal((await log.messages()).length, 2));
    assert.equal(log.transactions(), 1);
    const before = log.transactions();
    for (let line = 0; line < 20; line += 1) {
      log.writer.write({ message: `line ${line}` });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(async () => assert.equal((await log.messages()).length, 22));
    assert.ok(log.transactions() - before <= 2, `${log.transactions() - before} transactions`);
    await log.writer.close();
  });

  it('keeps lines that come during a slow write, in order, with one write at a time', async () => {
    const log = await open();
    log.hold();
    log.writer.write({ message: 'first' });
    await eventually(() => assert.equal(log.transactions(), 1));
    for (const message of ['second', 'third']) log.writer.write({ message });
    log.writer.progress({ push_completion: 0.5 });
    const closed = log.writer.close();
    assert.equal(log.transactions(), 1);
    log.release();
    await closed;
    assert.deepEqual(await log.messages(), ['first', 'second', 'third']);
    assert.deepEqual((await bench.reload(log.build)).status, { push_completion: 0.5 });
  });

  it('says that the attempt is over when the record refuses the lines, and throws it at the end', async () => {
    const reasons: Error[] = [];
    const log = await open((reason) => reasons.push(reason));
    await bench.dataSource.query("UPDATE build SET phase = 'cancelled' WHERE id = ?", [log.build.id]);
    log.writer.write({ message: 'too late' });
    await eventually(() => assert.equal(reasons.length, 1));
    log.writer.write({ message: 'later still' });
    await assert.rejects(log.writer.close(), /the build/);
    assert.equal(log.transactions(), 1);
    assert.deepEqual(await log.messages(), []);
  });

  it('keeps lines while the database is away for a moment', async () => {
    const reasons: Error[] = [];
    const log = await open((reason) => reasons.push(reason));
    log.fail(2);
    log.writer.write({ message: 'kept' });
    await log.writer.close();
    assert.deepEqual(await log.messages(), ['kept']);
    assert.deepEqual(reasons, []);
  });

  it('ends the step when the database stays away', async () => {
    const reasons: Error[] = [];
    const log = await open((reason) => reasons.push(reason));
    log.fail(Infinity);
    log.writer.write({ message: 'lost' });
    await assert.rejects(log.writer.close(50), /the database is away/);
    assert.equal(reasons.length, 1);
  });

  it('cuts long lines, and leaves out in the middle what is too much to keep', async () => {
    const log = await open();
    log.hold();
    log.writer.write({ message: 'first' });
    await eventually(() => assert.equal(log.transactions(), 1));
    const long = 'x'.repeat(100 * 1024);
    for (let line = 0; line < 200; line += 1) log.writer.write({ message: long });
    log.release();
    await eventually(async () => assert.ok((await log.messages()).length > 20));
    log.writer.write({ message: 'last' });
    await log.writer.close();
    const messages = await log.messages();
    // 8 MiB of lines of 64 KiB.
    assert.equal(messages.length, 1 + 128 + 1 + 1);
    assert.equal(messages[1]?.length, 64 * 1024);
    assert.match(messages[129] ?? '', /^72 lines are left out here/);
    assert.deepEqual([messages[0], messages.at(-1)], ['first', 'last']);
  });
});
