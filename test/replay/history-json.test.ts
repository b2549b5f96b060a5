import assert from 'node:assert/strict';

import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils';

// With two copies of protobufjs in the tree these functions throw "type must be a Type" (temporal spec 1).
describe('histories as JSON', () => {
  it('go there and back, so one copy of protobufjs serves all packages of the SDK', () => {
    const history = historyFromJSON({
      events: [
        {
          eventId: '1',
          eventTime: '2026-01-01T00:00:00Z',
          eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
          workflowExecutionStartedEventAttributes: { workflowType: { name: 'buildImage' }, attempt: 1 },
        },
      ],
    });
    const again = JSON.parse(historyToJSON(history)) as { events: Record<string, unknown>[] };
    assert.deepEqual(again.events[0]?.workflowExecutionStartedEventAttributes, {
      workflowType: { name: 'buildImage' },
      attempt: 1,
    });
  });
});
