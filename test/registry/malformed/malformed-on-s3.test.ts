import assert from 'node:assert/strict';

import { needGoProgram } from '../../support/go-program';
import type { S3Server } from '../../support/versitygw';
import { startS3Server, VERSITYGW } from '../../support/versitygw';
import { judge } from './judge';
import type { Victim } from './target';
import { startVictim } from './target';
import { UPLOAD_CASES } from './upload-cases';

/** What a body leaves behind is the driver's: the rest of the corpus never gets as far. */
describe('malformed uploads, on S3 and to two processes', function () {
  this.timeout(300_000);
  let server: S3Server;
  let victim: Victim;

  before(async function () {
    server = await startS3Server(await needGoProgram(this, VERSITYGW));
    const bucket = await server.newBucket();
    victim = await startVictim({
      config: { ...bucket.config, SERVE_PROCESSES: 2 },
      stored: async () => [...(await bucket.keys()), ...(await bucket.openMultiparts())],
    });
  });
  after(async () => {
    await victim?.close();
    await server?.stop();
  });

  it(`are refused and leave nothing: ${UPLOAD_CASES.length}`, async () => {
    assert.deepEqual(await judge(victim, UPLOAD_CASES), []);
  });
});
