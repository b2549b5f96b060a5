import assert from 'node:assert/strict';

import { SharedReads } from '../../registry/shared-reads';

describe('SharedReads', () => {
  interface Open {
    resolve: (answer: number) => void;
    reject: (error: Error) => void;
  }

  let begun: number;
  let open: Open[];
  let reads: SharedReads<number>;
  beforeEach(() => {
    begun = 0;
    open = [];
    reads = new SharedReads();
  });

  /** A read that ends when it is told to. */
  function ask(key = 'a'): Promise<number> {
    return reads.run(key, () => {
      begun += 1;
      return new Promise<number>((resolve, reject) => open.push({ resolve, reject }));
    });
  }

  /** Ends the read that began first, and lets whoever waited for it go on. */
  async function end(outcome: number | Error): Promise<void> {
    const first = open.shift();
    if (outcome instanceof Error) first?.reject(outcome);
    else first?.resolve(outcome);
    await new Promise(setImmediate);
  }

  it('begins at once when nobody else asks', async () => {
    const answer = ask();
    assert.equal(begun, 1);
    await end(1);
    assert.equal(await answer, 1);
  });

  it('lets all who come during a read share the next, never the one under way', async () => {
    const first = ask();
    const late = [ask(), ask(), ask()];
    assert.equal(begun, 1);
    await end(1);
    assert.equal(begun, 2);
    await end(2);
    assert.equal(await first, 1);
    assert.deepEqual(await Promise.all(late), [2, 2, 2]);
  });

  it('does not make those wait who ask for something else', async () => {
    const answers = [ask('a'), ask('b')];
    assert.equal(begun, 2);
    await end(1);
    await end(2);
    assert.deepEqual(await Promise.all(answers), [1, 2]);
  });

  it('tells a failure to those who shared it, and reads again for the rest', async () => {
    const first = assert.rejects(ask(), /gone/);
    const second = ask();
    await end(new Error('gone'));
    await first;
    await end(2);
    assert.equal(await second, 2);
  });

  it('begins anew for whoever comes after the end', async () => {
    void ask();
    void ask();
    await end(1);
    await end(2);
    const answer = ask();
    assert.equal(begun, 3);
    await end(3);
    assert.equal(await answer, 3);
  });
});
