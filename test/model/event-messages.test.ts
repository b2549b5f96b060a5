import assert from 'node:assert/strict';

import { describeEvent } from '../../model/event-messages';
import { EVENT_KINDS } from '../../model/events';
import { sampleEventData } from '../../model/sample-events';

const common = { repository: 'acme/app', homepage: 'https://reg.example/repository/acme/app' };

describe('describeEvent', () => {
  it('names the repository in the summary of every event', () => {
    for (const kind of EVENT_KINDS) {
      const message = describeEvent(kind, { ...common, ...sampleEventData(kind, {}) });
      assert.match(message.summary, /acme\/app/, kind);
      assert.equal(message.link, common.homepage);
    }
  });

  it('shows the whole branch name, the digests of a success and the reason of a failure', () => {
    const payload = { ...common, build_id: 'abcdef0123', trigger_metadata: { ref: 'refs/heads/feature/x' } };
    const success = describeEvent('build_success', { ...payload, manifest_digests: ['r@sha256:1'] });
    const failure = describeEvent('build_failure', { ...payload, error_message: 'step 2 failed' });
    assert.equal(success.summary, 'Build succeeded for repository acme/app [abcdef0]');
    assert.deepEqual(
      success.facts.map((fact) => fact.value),
      ['acme/app', 'abcdef0123', 'refs/heads/feature/x', 'r@sha256:1'],
    );
    assert.deepEqual(failure.facts.at(-1), { label: 'Error', value: 'step 2 failed' });
  });

  it('gives findings the level of their severity', () => {
    const level = (priority: string) =>
      describeEvent('vulnerability_found', { ...common, vulnerability: { priority } }).level;
    assert.deepEqual(['Critical', 'High', 'Medium', 'Low', 'Unknown'].map(level), [
      'error',
      'warning',
      'warning',
      'info',
      'info',
    ]);
  });

  it('survives payloads of any shape', () => {
    for (const kind of EVENT_KINDS) {
      assert.doesNotThrow(() =>
        describeEvent(kind, { trigger_metadata: 7, vulnerability: [], docker_tags: 'x', tags: null }),
      );
    }
  });
});
