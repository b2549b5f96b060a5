import assert from 'node:assert/strict';

import * as workflows from '../../workflows/index';
import { workflowBundle } from '../support/temporal';

const MAX_SIZE_BYTES = 3 * 1024 ** 2;

// Everything that `workflows/index.ts` exports is a workflow type that clients can start, wanted or not.
const WORKFLOW_TYPES = [
  'buildImage',
  'buildQueue',
  'deliverNotification',
  'purgeExpired',
  'reapOrphans',
  'scanManifest',
  'sweepStorage',
  'updateAdvisories',
];

describe('the workflow bundle', function () {
  this.timeout(60_000);

  it('is made from sandboxed code only and stays small', async () => {
    const { code } = await workflowBundle();
    assert.ok(code.length < MAX_SIZE_BYTES, `${code.length} bytes`);
  });

  it('holds exactly the workflows of the catalogue', () => {
    assert.deepEqual(Object.keys(workflows).sort(), [...WORKFLOW_TYPES].sort());
  });
});
