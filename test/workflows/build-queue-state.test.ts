import assert from 'node:assert/strict';

import { BuildQueueState } from '../../workflows/shared/build-queue-state';
import type { BuildQueueInput } from '../../workflows/shared/contracts';

const event = (buildId: string, repository = `acme/${buildId}`) => ({
  buildId,
  repository,
  eventId: `event-${buildId}`,
  triggerKind: 'custom-git',
  displayName: 'aabbccd',
});

function queueOf(...builds: [string, string?][]): BuildQueueState {
  const state = new BuildQueueState({ namespace: 'acme', limit: 2 });
  for (const [id, repository] of builds) state.enqueue(event(id, repository));
  return state;
}

function startAll(state: BuildQueueState): string[] {
  const started: string[] = [];
  for (let next = state.startNext(); next; next = state.startNext()) started.push(next.buildId);
  return started;
}

describe('BuildQueueState', () => {
  it('starts in order of arrival up to the limit, and the next one when a slot is free', () => {
    const state = queueOf(['a'], ['b'], ['c'], ['d']);
    assert.deepEqual(startAll(state), ['a', 'b']);
    state.finish('b');
    assert.deepEqual(startAll(state), ['c']);
  });

  it('runs one build of a repository at a time and lets others pass', () => {
    const state = queueOf(['a', 'acme/app'], ['b', 'acme/app'], ['c', 'acme/web']);
    assert.deepEqual(startAll(state), ['a', 'c']);
    state.finish('c');
    assert.deepEqual(startAll(state), []);
    state.finish('a');
    assert.deepEqual(startAll(state), ['b']);
  });

  it('takes a repeated signal once, whether the build waits, runs or has ended', () => {
    const state = queueOf(['a'], ['a']);
    assert.deepEqual(startAll(state), ['a']);
    state.enqueue(event('a'));
    state.enqueue({ ...event('a'), eventId: 'another event of the same build' });
    state.finish('a');
    state.enqueue({ ...event('a'), eventId: 'late' });
    assert.equal(state.isIdle, true);
  });

  it('drops a build that waits, even when the cancellation overtakes it', () => {
    const state = queueOf(['a', 'acme/app'], ['b', 'acme/app']);
    startAll(state);
    state.drop({ buildId: 'b' });
    state.drop({ buildId: 'c' });
    state.enqueue(event('c'));
    state.finish('a');
    assert.equal(state.isIdle, true);
  });

  it('does not free the slot of a running build that is dropped', () => {
    const state = queueOf(['a']);
    startAll(state);
    state.drop({ buildId: 'a' });
    assert.deepEqual(state.buildIds(), ['a']);
  });

  it('tells by its version that something changed', () => {
    const state = queueOf(['a']);
    const { version } = state;
    state.finish('unknown');
    state.enqueue(event('a'));
    assert.equal(state.version, version);
    state.enqueue(event('b'));
    assert.notEqual(state.version, version);
  });

  it('goes on from its snapshot as if nothing had happened', () => {
    const first = queueOf(['a', 'acme/app'], ['b', 'acme/app'], ['c']);
    startAll(first);
    // What an input of the next run goes through.
    const input = JSON.parse(JSON.stringify(first.snapshot())) as BuildQueueInput;
    const second = new BuildQueueState(input);
    second.enqueue(event('a'));
    assert.deepEqual(second.buildIds(), ['a', 'c', 'b']);
    second.finish('a');
    assert.deepEqual(startAll(second), ['b']);
  });

  it('remembers a bounded number of ids', () => {
    const state = queueOf();
    for (let index = 0; index < 2000; index += 1) state.finish(`build-${index}`);
    assert.equal(state.snapshot().seen?.length, 500);
  });
});
