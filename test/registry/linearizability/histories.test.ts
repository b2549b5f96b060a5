import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

import { buildUser } from '../../support/factories';
import { Random } from '../../support/random';
import { RegistryClient } from '../../support/registry-client';
import type { ServeProcesses } from '../../support/serve-processes';
import { startServeProcesses } from '../../support/serve-processes';
import { blobOperations, chooseBlobAct } from './blob-operations';
import { BLOB } from './blob-specification';
import type { Operation, Specification } from './linearize';
import { describeHistory, linearize } from './linearize';
import { record } from './record';
import { chooseTagInput, tagOperations } from './tag-operations';
import { TAG } from './tag-specification';

const HISTORIES = Number(process.env.HISTORIES ?? 30);
const LOAD = { clients: 5, operationsEach: 9 };

describe('what clients of two processes see of', function () {
  this.timeout(300_000);
  // Another seed would be other histories: what these showed must not be forgotten.
  this.retries(0);

  let product: ServeProcesses;
  let owner: string;
  let clients: [RegistryClient, ...RegistryClient[]];

  before(async () => {
    product = await startServeProcesses(2);
    const { account } = await buildUser(product.dataSource, { password: 'secret' });
    owner = account.name;
    // Client n goes to process n modulo 2.
    const client = (n: number) => {
      const url = `http://127.0.0.1:${product.ports[n % 2]}`;
      return new RegistryClient(url, { username: owner, password: 'secret' });
    };
    clients = [client(0), ...Array.from({ length: LOAD.clients - 1 }, (_, n) => client(n + 1))];
  });
  after(() => product.dispose());

  it('one tag is linearizable, while it is put, moved and deleted, and its manifests too', () =>
    checkHistories(TAG, async (random) => {
      const perform = await tagOperations(clients, owner);
      return record(random, { ...LOAD, choose: chooseTagInput, perform });
    }));

  it('one blob is linearizable, while it is pushed, mounted, used and deleted', () =>
    checkHistories(BLOB, async (random) => {
      const perform = await blobOperations(clients, owner);
      return record(random, { ...LOAD, choose: chooseBlobAct, perform });
    }));

  async function checkHistories<State, Input, Output>(
    specification: Specification<State, Input, Output>,
    run: (random: Random) => Promise<Operation<Input, Output>[]>,
  ): Promise<void> {
    const seed = Number(process.env.HISTORIES_SEED ?? randomInt(1, 1_000_000_000));
    console.log(`      seed ${seed}; again: HISTORIES_SEED=${seed}`);
    let [operations, concurrent] = [0, 0];
    for (let n = 0; n < HISTORIES; n += 1) {
      const history = await run(new Random(seed + n));
      operations += history.length;
      concurrent += history.filter((one) => history.some((other) => areConcurrent(one, other))).length;
      if (linearize(history, specification)) continue;
      assert.fail(`history ${n} of seed ${seed} is not linearizable:\n${describeHistory(history)}`);
    }
    assert.ok(concurrent > operations / 2, `only ${concurrent} of ${operations} operations met another`);
  }
});

function areConcurrent(one: Operation<unknown, unknown>, other: Operation<unknown, unknown>): boolean {
  return one !== other && one.calledAtMs < other.answeredAtMs && other.calledAtMs < one.answeredAtMs;
}
