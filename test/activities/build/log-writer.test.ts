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
    const dataSource = Object.create(bench.dataSource) as typeof bench.dataSource;
    dataSource.transaction = (async (...args: Parameters<typeof dataSource.transaction>) => {
      transactions += 1;
      await gate;
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
});
