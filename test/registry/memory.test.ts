import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';

import { buildUser } from '../support/factories';
import { eventually } from '../support/eventually';
import { forgetPeak, isMemoryKnown, peakMib, processTree, residentMib } from '../support/process-memory';
import { pullThrough, putRepeated } from '../support/raw-transfers';
import { RegistryClient } from '../support/registry-client';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';

const MIB = 1024 ** 2;
/** `SLOW_TESTS=1` takes the sizes of the release bar. */
const IS_SLOW = process.env.SLOW_TESTS === '1';
const LARGE_MIB = IS_SLOW ? 5 * 1024 : 1024;
const PULLS = IS_SLOW ? 200 : 50;
const PULLED_MIB = 100;

describe(`memory of serve on two cores, all its processes together`, function () {
  this.timeout(IS_SLOW ? 600_000 : 120_000);
  const piece = randomBytes(MIB);
  let serve: ServeProcesses;
  let client: RegistryClient;
  let name: string;
  let pids: number[];

  before(async function () {
    if (!isMemoryKnown()) return this.skip();
    serve = await startServeProcesses(1, { SERVE_PROCESSES: 2, REGISTRY_JWT_LIFETIME_S: 3600 });
    const { account } = await buildUser(serve.dataSource, { password: 'secret' });
    name = account.name;
    client = new RegistryClient(`http://${serve.host}`, { username: name, password: 'secret' });
    pids = processTree(serve.pid(0));
    assert.equal(pids.length, 3, 'one that supervises and two that serve');
    // Warm: the first requests load code that stays, and large blocks are kept for the next transfer.
    const digest = await push(64);
    await Promise.all(Array.from({ length: 16 }, () => pull(digest)));
  });
  after(() => serve?.dispose());

  it(`rises by less than 64 MiB while a blob of ${LARGE_MIB} MiB comes in, and by as much while it goes out`, async () => {
    let digest = '';
    await rises('push', 64, async () => (digest = await push(LARGE_MIB)));
    const hash = createHash('sha256');
    await rises('pull', 64, async () => {
      const { bodyBytes } = await pull(digest, (bytes) => hash.update(bytes));
      assert.equal(bodyBytes, LARGE_MIB * MIB);
    });
    assert.equal(`sha256:${hash.digest('hex')}`, digest);
  });

  it(`rises by less than 256 MiB while ${PULLS} clients read ${PULLED_MIB} MiB each`, async () => {
    const digest = await push(PULLED_MIB);
    await rises('pulls', 256, async () => {
      const reads = await Promise.all(Array.from({ length: PULLS }, () => pull(digest)));
      for (const { status, bodyBytes } of reads) {
        assert.deepEqual([status, bodyBytes], [200, PULLED_MIB * MIB]);
      }
    });
  });

  /** Against what they hold when nothing has moved for a moment. */
  async function rises(what: string, limitMib: number, work: () => Promise<unknown>): Promise<void> {
    const idleMib = await settled();
    for (const pid of pids) forgetPeak(pid);
    await work();
    const risenMib = sum(peakMib) - idleMib;
    const told = `${what}: rose by ${risenMib.toFixed(0)} MiB over ${idleMib.toFixed(0)}`;
    if (IS_SLOW) console.log(`      ${told}`);
    assert.ok(risenMib < limitMib, told);
  }

  function settled(): Promise<number> {
    let lastMib = 0;
    return eventually(
      () => {
        const nowMib = sum(residentMib);
        const isSettled = Math.abs(nowMib - lastMib) < 1;
        lastMib = nowMib;
        assert.ok(isSettled);
        return nowMib;
      },
      20_000,
      500,
    );
  }

  const sum = (ofOne: (pid: number) => number) => pids.reduce((total, pid) => total + ofOne(pid), 0);

  async function place(path: string) {
    return { host: serve.host, path, token: await client.token(`repository:${name}/app:pull,push`) };
  }

  async function push(sizeMib: number): Promise<string> {
    const hash = createHash('sha256');
    for (let at = 0; at < sizeMib; at += 1) hash.update(piece);
    const digest = `sha256:${hash.digest('hex')}`;
    const begun = await client.expect(202, 'POST', `/v2/${name}/app/blobs/uploads/`);
    const to = await place(`${begun.headers.get('location')}?digest=${digest}`);
    assert.equal(await putRepeated(to, piece, sizeMib), 201);
    return digest;
  }

  async function pull(digest: string, onBytes?: (bytes: Buffer) => void) {
    return pullThrough(await place(`/v2/${name}/app/blobs/${digest}`), onBytes);
  }
});
