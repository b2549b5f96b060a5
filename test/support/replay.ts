import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils';

const FOLDER = join(__dirname, '..', 'replay');

export interface RecordedHistory {
  /** `build-image.success` */
  name: string;
  workflowType: string;
  workflowId: string;
  text: string;
  history: History;
}

/**
 * With `RECORD_HISTORIES=1` keeps the history of a run on a real server as `test/replay/<name>.json`, where `name` is
 * `<workflow>.<scenario>` in kebab-case (`build-image.success`); otherwise does nothing.
 */
export async function recordHistory(
  handle: Pick<WorkflowHandle, 'fetchHistory'>,
  name: string,
): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return;
  const json: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(withoutStackTraces(json), null, 1)}\n`);
}

/** Everything in `test/replay`, sorted by name. */
export function recordedHistories(): RecordedHistory[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(FOLDER, file), 'utf8');
      const history = historyFromJSON(JSON.parse(text));
      const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
      return {
        name: file.slice(0, -'.json'.length),
        workflowType: started?.workflowType?.name ?? '',
        workflowId: started?.workflowId ?? '',
        text,
        history,
      };
    });
}

/** Stack traces name folders of the machine that recorded; replay does not look at them. */
function withoutStackTraces(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutStackTraces);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json)
      .filter(([key]) => key !== 'stackTrace')
      .map(([key, value]) => [key, withoutStackTraces(value)]),
  );
}
