import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

import { ADDRESS_CASES } from './address-cases';
import { HTTP_CASES } from './http-cases';
import { judge } from './judge';
import { MANIFEST_CASES } from './manifest-cases';
import type { MalformedCase } from './malformed-case';
import { request } from './malformed-case';
import { oddCases } from './odd-cases';
import { randomCases } from './random-cases';
import { startVictim } from './target';
import type { Victim } from './target';
import { TOKEN_CASES } from './token-cases';
import { UPLOAD_CASES } from './upload-cases';

/** Longer: MALFORMED_CASES=20000, with MALFORMED_SEED to see one run again. */
const SEED = Number(process.env.MALFORMED_SEED ?? randomInt(1, 1_000_000));
const COUNT = Number(process.env.MALFORMED_CASES ?? 300);

/** Always a 4xx with the error JSON, no row or file left behind, the next request served. */
describe('malformed input to the registry', function () {
  this.timeout(180_000);
  // What one seed found must not be forgotten for the next.
  this.retries(0);
  let victim: Victim;

  before(async () => {
    victim = await startVictim();
  });
  after(() => victim.close());

  it('would be told from what is served, and from what leaves something', async () => {
    const { target } = victim;
    const start = `/v2/${target.repository}/blobs/uploads/`;
    const cases: MalformedCase[] = [
      { name: 'a pull', bytes: () => request(target, 'GET', `/v2/${target.repository}/tags/list`) },
      { name: 'a push', ignored: [202], bytes: () => request(target, 'POST', start) },
      { name: 'another status', status: 404, bytes: () => request(target, 'POST', '/v2/') },
    ];
    const [pull, push, other, ...more] = await judge(victim, cases, 200);
    assert.match(pull ?? '', /^a pull: 200 /);
    assert.match(push ?? '', /^a push: left behind: .*; now 1 rows of upload/);
    assert.match(other ?? '', /^another status: 405 .* is not 404$/);
    assert.deepEqual(more, []);
  });

  for (const [name, cases] of [
    ['requests', HTTP_CASES],
    ['addresses', ADDRESS_CASES],
    ['uploads and ranges', UPLOAD_CASES],
    ['manifests', MANIFEST_CASES],
    ['credentials and scopes', TOKEN_CASES],
  ] as const) {
    it(`is refused and leaves nothing: ${cases.length} ${name}`, async () => {
      assert.deepEqual(await judge(victim, cases), []);
    });
  }

  it('is refused and leaves nothing, whatever a seed makes of it', async function () {
    this.timeout(60_000 + COUNT * 1000);
    console.log(`      ${COUNT} cases of seed ${SEED}; again: MALFORMED_SEED=${SEED}`);
    assert.deepEqual(await judge(victim, randomCases(SEED, COUNT)), [], `seed ${SEED}`);
  });

  it('is no reason to fail where it is only odd', async function () {
    this.timeout(60_000 + COUNT * 1000);
    console.log(`      ${COUNT} cases of seed ${SEED}; again: MALFORMED_SEED=${SEED}`);
    assert.deepEqual(await judge(victim, oddCases(SEED, COUNT)), [], `seed ${SEED}`);
  });
});
