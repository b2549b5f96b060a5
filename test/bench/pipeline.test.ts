import assert from 'node:assert/strict';

import { FairContent } from '../../bench/pipeline/fair-content';
import { readOptions } from '../../bench/pipeline/options';
import type { Pair } from '../../bench/pipeline/pairs';
import { judge } from '../../bench/pipeline/report';
import { fitCost, median, quantile } from '../../bench/statistics';

describe('the figures of the pipeline bench', () => {
  it('takes medians of even and odd numbers of values', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  it('takes quantiles by nearest rank', () => {
    const values = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    assert.equal(quantile(values, 0.5), 5);
    assert.equal(quantile(values, 0.9), 9);
    assert.equal(quantile(values, 1), 10);
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });

  it('fits the cost of a unit from two runs, and survives noise that makes the larger one faster', () => {
    assert.deepEqual(fitCost({ units: 100, ms: 2000 }, { units: 600, ms: 4500 }), {
      fixedMs: 1500,
      msPerUnit: 5,
    });
    const { msPerUnit } = fitCost({ units: 100, ms: 2000 }, { units: 600, ms: 1800 });
    assert.equal(msPerUnit, 1);
  });

  it('meets the bars with five pairs and twenty calls within them', () => {
    assert.deepEqual(judge({ pairs: pairs(1.05, 1.2, 1.1, 1.0, 1.3), firstLines: lines(20, 499) }), []);
  });

  for (const [name, figures, reason] of [
    [
      'an overhead above a tenth',
      { pairs: pairs(1.11, 1.12, 1, 1.2, 1), firstLines: lines(20, 100) },
      /1\.110/,
    ],
    ['too few pairs', { pairs: pairs(1, 1, 1, 1), firstLines: lines(20, 100) }, /5 pairs/],
    ['slow first lines', { pairs: pairs(1, 1, 1, 1, 1), firstLines: lines(20, 500) }, /first lines/],
    ['too few calls', { pairs: pairs(1, 1, 1, 1, 1), firstLines: lines(19, 100) }, /20 webhook calls/],
    ['builds that are too short', { pairs: short(pairs(1, 1, 1, 1, 1)), firstLines: lines(20, 1) }, /19\.99/],
  ] as const) {
    it(`does not meet them with ${name}`, () => {
      const [failure, ...more] = judge(figures);
      assert.match(failure ?? '', reason);
      assert.deepEqual(more, []);
    });
  }

  it('refuses a build that got a layer from an earlier one, and one on another base', () => {
    const content = new FairContent(image('base'));
    assert.equal(content.admit('a', image('base', 'one', 'two')), 2000);
    assert.throws(() => content.admit('b', image('base', 'three', 'two')), /a layer of a/);
    assert.throws(() => content.admit('c', image('other', 'four')), /base image/);
  });

  it('refuses a pair whose sides pushed different amounts', () => {
    const content = new FairContent(image('base'));
    content.assertAlike(1_000_000, 1_010_000);
    assert.throws(() => content.assertAlike(1_000_000, 1_100_000), /pushed/);
  });

  it('reads its options, and says what is wrong with them', () => {
    assert.equal(readOptions(['--help']), undefined);
    assert.deepEqual(
      { ...readOptions(['--quick', '--pairs', '3']) },
      { pairs: 3, seconds: 5, samples: 5, fresh: false, quick: true, json: 'bench/pipeline/result.json' },
    );
    assert.throws(() => readOptions(['--pairs', 'many']), /--pairs takes a whole number/);
    assert.throws(() => readOptions(['--pears', '3']), /--pears/);
  });
});

function pairs(...ratios: number[]): Pair[] {
  const phases = { wait: 0, clone: 0, context: 0, base: 0, build: 0, push: 0, finish: 0, between: 0 };
  return ratios.map((ratio) => ({
    order: 'slipway first',
    slipwayMs: ratio * 20_000,
    dockerodeMs: 20_000,
    ratio,
    slipwayBytes: 1,
    dockerodeBytes: 1,
    phases,
    dockerode: { build: 0, push: 0 },
  }));
}

function short(long: Pair[]): Pair[] {
  return long.map((pair) => ({ ...pair, dockerodeMs: 19_990 }));
}

function lines(count: number, ms: number) {
  return Array.from({ length: count }, () => ({ sinceCallMs: ms, sinceAnswerMs: ms }));
}

function image(...layers: string[]) {
  return { digest: 'sha256:0', layers: layers.map((digest) => ({ digest, size: 1000 })) };
}
