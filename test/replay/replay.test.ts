import assert from 'node:assert/strict';
import { hostname } from 'node:os';

import { Worker } from '@temporalio/worker';

import * as workflows from '../../workflows/index';
import { recordedHistories } from '../support/replay';
import { workflowBundle } from '../support/temporal';

describe('recorded histories', function () {
  this.timeout(120_000);
  const recorded = recordedHistories();

  it('replay against the workflows of today', async () => {
    const options = { workflowBundle: await workflowBundle() };
    const results = Worker.runReplayHistories(
      options,
      recorded.map(({ name, history }) => ({ workflowId: name, history })),
    );
    const broken: string[] = [];
    let replayed = 0;
    for await (const { workflowId, error } of results) {
      replayed += 1;
      if (error) broken.push(`${workflowId}: ${error.message}`);
    }
    assert.deepEqual(broken, []);
    assert.equal(replayed, recorded.length);
  });

  it('exist for every workflow', () => {
    const covered = new Set(recorded.map(({ workflowType }) => workflowType));
    assert.deepEqual(
      Object.keys(workflows).filter((name) => !covered.has(name)),
      [],
    );
  });

  for (const { name, workflowType, text } of recorded) {
    it(`${name} is named after its workflow and says nothing of the machine that recorded it`, () => {
      const camelCase = name.split('.')[0]?.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      assert.equal(camelCase, workflowType);
      const readable = text + decodedPayloads(text);
      for (const trace of [process.cwd(), hostname()]) {
        assert.ok(!readable.includes(trace), `found "${trace}"`);
      }
      const identities = [...text.matchAll(/"identity": "([^"]*)"/g)].map((match) => match[1] ?? '');
      const foreign = identities.filter((identity) => identity.includes('@') || identity.includes('/'));
      assert.deepEqual(foreign, []);
    });
  }
});

function decodedPayloads(text: string): string {
  const encoded = [...text.matchAll(/"data": "([^"]+)"/g)].map((match) => match[1] ?? '');
  return encoded.map((data) => Buffer.from(data, 'base64').toString('utf8')).join('\n');
}
