import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { cpuSeconds, peakBytes, processTree, resetPeak } from '../../bench/registry/accounting';
import type { Cell } from '../../bench/registry/cells';
import { CELLS, chosenCells } from '../../bench/registry/cells';
import { BlobMaker, MIB } from '../../bench/registry/content';
import type { Answer } from '../../bench/registry/http-connection';
import { headerOf, HttpConnection } from '../../bench/registry/http-connection';
import { readOptions } from '../../bench/registry/options';
import type { CellFigures } from '../../bench/registry/report';
import { judge, renderReport, verdictsOf } from '../../bench/registry/report';
import type { Measured } from '../../bench/registry/runs';

describe('the client of the registry bench', () => {
  /** The answers to several requests on one connection. */
  async function ask(
    listener: RequestListener,
    ...requests: [method: string, path: string, body?: Buffer[]][]
  ): Promise<Answer[]> {
    const server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const connection = await HttpConnection.open((server.address() as AddressInfo).port, 64 * 1024);
      const answers: Answer[] = [];
      for (const [method, path, body] of requests) {
        answers.push(await connection.request(method, path, '', body));
      }
      connection.close();
      return answers;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('counts the bytes of bodies, one request after the other on one connection', async () => {
    const body = Buffer.alloc(3 * MIB, 'x');
    const answers = await ask(
      (_, res) => res.setHeader('content-length', body.length).end(body),
      ['GET', '/'],
      ['HEAD', '/'],
      ['GET', '/'],
    );
    assert.deepEqual(
      answers.map(({ status, bodyBytes }) => [status, bodyBytes]),
      [
        [200, body.length],
        [200, 0],
        [200, body.length],
      ],
    );
    assert.equal(headerOf(answers[1]?.head ?? '', 'content-length'), String(body.length));
  });

  it('finds the end of chunked bodies', async () => {
    const [first, second] = await ask(
      (_, res) => {
        res.write('{"tags":[');
        setImmediate(() => res.end(']}'));
      },
      ['GET', '/'],
      ['GET', '/'],
    );
    assert.ok((first?.bodyBytes ?? 0) > 11);
    assert.equal(second?.bodyBytes, first?.bodyBytes);
  });

  it('sends all parts of a body in order', async () => {
    const { digest, parts } = new BlobMaker(5 * MIB + 17).make();
    const [answer] = await ask(
      (req, res) => {
        const hash = createHash('sha256');
        req.on('data', (chunk: Buffer) => hash.update(chunk));
        req.on('end', () => res.setHeader('digest', `sha256:${hash.digest('hex')}`).end());
      },
      ['PUT', '/', [...parts]],
    );
    assert.equal(headerOf(answer?.head ?? '', 'digest'), digest);
  });

  it('fails a request whose connection breaks', async () => {
    await assert.rejects(
      ask((req) => req.socket.destroy(), ['GET', '/']),
      /closed|reset/i,
    );
  });

  it('makes blobs of one size that all differ', () => {
    const maker = new BlobMaker(MIB);
    const [one, other] = [maker.make(), maker.make()];
    assert.notEqual(one.digest, other.digest);
    assert.equal(Buffer.concat([...one.parts]).length, MIB);
  });
});

describe('the accounts of the registry bench', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('finds this process, its time and its memory', () => {
    assert.ok(processTree(process.ppid).includes(process.pid));
    assert.ok(cpuSeconds([process.pid]) > 0);
    resetPeak([process.pid]);
    assert.ok(peakBytes([process.pid]) > 10 * MIB);
  });

  it('counts nothing for a process that has ended', () => {
    assert.equal(cpuSeconds([2 ** 22 + 1]), 0);
  });
});

describe('the verdict of the registry bench', () => {
  const cell = CELLS.find(({ name }) => name === 'push 100 MiB c=1') as Cell;

  it('is the median of the ratios of the rounds', () => {
    const figures = rounds([0.5, 1.31, 1.4, 1.3, 9]);
    const [rate, cpu] = verdictsOf(figures);
    assert.deepEqual([rate?.value, rate?.least, rate?.most, rate?.standing], [1.31, 0.5, 9, 'GOAL']);
    assert.equal(cpu?.standing, 'MUST');
    assert.deepEqual(judge([figures], { quick: false }), []);
    assert.match(
      renderReport([figures]),
      /push 100 MiB c=1.*100 \| 131.*rate 1.05\/1.3: GOAL, CPU 1\/0.7: MUST/,
    );
  });

  it('names a bar that was missed', () => {
    assert.match(
      judge([rounds([1, 1, 1, 1, 1])], { quick: false }).join(),
      /push 100 MiB c=1: rate is 1.00, the bar is 1.05/,
    );
  });

  it('takes five rounds', () => {
    assert.match(judge([rounds([2, 2, 2, 2])], { quick: false }).join(), /a verdict takes 5 rounds/);
  });

  it('is not given by a quick run, but for requests that failed', () => {
    assert.deepEqual(judge([rounds([0.1])], { quick: true }), []);
    const failed = rounds([2]);
    failed.rounds[0]?.ours.errors.push('answered 500');
    assert.match(
      judge([failed], { quick: true }).join(),
      /push 100 MiB c=1: 1 failed, the first: answered 500/,
    );
  });

  it('has no ratio where the peer has no such request', () => {
    const token = CELLS.find(({ kind }) => kind === 'token') as Cell;
    const figures: CellFigures = { cell: token, rounds: [{ ours: measured(100) }] };
    assert.deepEqual(verdictsOf(figures), []);
    assert.match(renderReport([figures]), /token c=4.*– \| 100/);
  });

  function rounds(ratios: number[]): CellFigures {
    return { cell, rounds: ratios.map((ratio) => ({ ours: measured(100 * ratio), peer: measured(100) })) };
  }

  function measured(rate: number): Measured {
    const times = { p50Ms: 1, p99Ms: 2, firstByteMs: 1 };
    return { count: 10, errors: [], rate, ...times, cpuMs: 1, databaseCpuMs: 0, peakMiB: 100 };
  }
});

describe('the options of the registry bench', () => {
  it('are those of a full run by default', () => {
    const options = readOptions([]);
    assert.deepEqual([options?.rounds, options?.processes, options?.quick], [5, undefined, false]);
    assert.equal(chosenCells({ cells: [], quick: false }).length, CELLS.length);
  });

  it('leave the largest blobs out of a quick run, and pick cells by name', () => {
    const names = (options: { cells: string[]; quick: boolean }) =>
      chosenCells(options).map(({ name }) => name);
    assert.ok(names({ cells: [], quick: true }).every((name) => !name.includes('GiB')));
    assert.deepEqual(names({ cells: ['token', 'push 1 GiB c=1'], quick: false }), [
      'push 1 GiB c=1',
      'token c=4',
    ]);
  });

  for (const args of [['--rounds', '0'], ['--rounds', '2.5'], ['--seconds', 'x'], ['--unknown']]) {
    it(`refuses ${args.join(' ')}`, () => assert.throws(() => readOptions(args)));
  }

  it('answer nothing for help', () => assert.equal(readOptions(['--help']), undefined));
});
