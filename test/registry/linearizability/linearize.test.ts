import assert from 'node:assert/strict';

import { Random } from '../../support/random';
import type { Operation, Specification } from './linearize';
import { describeHistory, linearize } from './linearize';

type Input = { write: number } | 'read' | { swap: [from: number, to: number] };
type Output = number | 'written' | boolean;

/** A number that is written, read, and replaced where it is what one thinks. */
const REGISTER: Specification<number, Input, Output> = {
  initial: 0,
  apply(state, input) {
    if (input === 'read') return { state, output: state };
    if ('write' in input) return { state: input.write, output: 'written' };
    const [from, to] = input.swap;
    return { state: state === from ? to : state, output: state === from };
  },
};

function operation(calledAtMs: number, answeredAtMs: number, input: Input, output: Output) {
  return { client: 1, calledAtMs, answeredAtMs, input, output };
}
const write = (from: number, to: number, value: number) => operation(from, to, { write: value }, 'written');
const read = (from: number, to: number, value: number) => operation(from, to, 'read', value);

describe('linearize', () => {
  const isLinearizable = (...history: Operation<Input, Output>[]) =>
    linearize(history, REGISTER) !== undefined;

  it('takes what came one after the other and is right, and nothing that is wrong', () => {
    assert.ok(isLinearizable());
    assert.ok(isLinearizable(write(0, 1, 5), read(2, 3, 5)));
    assert.ok(!isLinearizable(write(0, 1, 5), read(2, 3, 0)));
    assert.ok(!isLinearizable(read(0, 1, 5), write(2, 3, 5)));
  });

  it('lets a read beside a write see it or not', () => {
    assert.ok(isLinearizable(write(0, 10, 5), read(2, 3, 5)));
    assert.ok(isLinearizable(write(0, 10, 5), read(2, 3, 0)));
    assert.ok(!isLinearizable(write(0, 10, 5), read(2, 3, 6)));
  });

  it('does not let a value that was seen be unseen by a later read, whoever reads', () => {
    assert.ok(isLinearizable(write(0, 10, 5), read(1, 2, 0), read(3, 4, 5)));
    assert.ok(!isLinearizable(write(0, 10, 5), read(1, 2, 5), read(3, 4, 0)));
  });

  it('finds that two writers at once leave one value for all', () => {
    const writers = [write(0, 10, 1), write(0, 10, 2)];
    assert.ok(isLinearizable(...writers, read(11, 12, 1), read(13, 14, 1)));
    assert.ok(isLinearizable(...writers, read(11, 12, 2), read(11, 12, 2)));
    assert.ok(!isLinearizable(...writers, read(11, 12, 1), read(13, 14, 2)));
    assert.ok(!isLinearizable(...writers, read(11, 12, 1), read(11, 12, 2)));
  });

  it('lets only one of several at once win', () => {
    const swap = (to: number, won: boolean) => operation(0, 10, { swap: [0, to] }, won);
    assert.ok(isLinearizable(swap(1, true), swap(2, false), swap(3, false), read(11, 12, 1)));
    assert.ok(!isLinearizable(swap(1, true), swap(2, true), read(11, 12, 2)));
    assert.ok(!isLinearizable(swap(1, false), swap(2, false)));
  });

  it('tells the order that it found', () => {
    const history = [read(0, 10, 7), write(0, 10, 7), read(0, 10, 0)];
    assert.deepEqual(linearize(history, REGISTER), [history[2], history[1], history[0]]);
    assert.match(describeHistory(history), /client 1 {2}"read" → 7/);
  });

  it('takes every history of clients that share a real register, and none with one answer changed', () => {
    const random = new Random(1);
    for (let run = 0; run < 50; run += 1) {
      const history = shared(random, 40);
      assert.ok(linearize(history, REGISTER), describeHistory(history));
      const reads = history.filter(({ input }) => input === 'read');
      const lied = history.map((one) => (one === reads[0] ? { ...one, output: -1 } : one));
      assert.equal(linearize(lied, REGISTER), undefined);
    }
  });

  /** Each operation takes effect at a time of its own between its beginning and its end. */
  function shared(random: Random, count: number): Operation<Input, Output>[] {
    let state = REGISTER.initial;
    return Array.from({ length: count }, (_, at) => {
      const input: Input = random.pick<Input>(['read', { write: at }, { swap: [at - 1, at] }]);
      const effectMs = at * 10;
      const applied = REGISTER.apply(state, input);
      state = applied.state;
      const [calledAtMs, answeredAtMs] = [effectMs - random.between(1, 50), effectMs + random.between(1, 50)];
      return { client: at, input, output: applied.output, calledAtMs, answeredAtMs };
    });
  }
});
