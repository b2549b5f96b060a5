import assert from 'node:assert/strict';

import type { NoPlace, Place } from '../../../activities/deliver/receiver-places';
import { ReceiverPlaces } from '../../../activities/deliver/receiver-places';

describe('ReceiverPlaces', () => {
  let nowMs = 0;
  const places = (slots = 100) => new ReceiverPlaces({ slots, waitMs: 20, now: () => nowMs });

  function given(answer: Place | NoPlace): Place {
    if (typeof answer === 'string') throw new Error(`no place: ${answer}`);
    return answer;
  }

  async function call(made: ReceiverPlaces, name: string, { tookMs = 10, wasAnswered = true } = {}) {
    const place = given(await made.take(name));
    nowMs += tookMs;
    place.release(wasAnswered);
  }

  async function placesOf(made: ReceiverPlaces, name: string): Promise<number> {
    const taken: Place[] = [];
    for (;;) {
      const place = await made.take(name);
      if (typeof place === 'string') break;
      taken.push(place);
    }
    return taken.length;
  }

  it('begins with a few, and gives more to a receiver that answers promptly', async () => {
    assert.equal(await placesOf(places(), 'new'), 4);
    const made = places();
    for (let n = 0; n < 10; n += 1) await call(made, 'prompt');
    assert.equal(await placesOf(made, 'prompt'), 32);
  });

  it('leaves one to a receiver that does not answer, until it does', async () => {
    const made = places();
    await call(made, 'dead', { tookMs: 10_000, wasAnswered: false });
    const probe = given(await made.take('dead'));
    assert.equal(await made.take('dead'), 'silent');
    probe.release(true);
    assert.equal(await placesOf(made, 'dead'), 2);
  });

  it('leaves two to one that answers late', async () => {
    const made = places();
    for (let n = 0; n < 5; n += 1) await call(made, 'late', { tookMs: 8000 });
    assert.equal(await placesOf(made, 'late'), 2);
  });

  it('takes back from one that was prompt what it got for that', async () => {
    const made = places();
    for (let n = 0; n < 5; n += 1) await call(made, 'tired');
    await call(made, 'tired', { tookMs: 3000 });
    assert.equal(await placesOf(made, 'tired'), 4);
  });

  it('keeps places for the prompt receivers of others, under however many names somebody hangs', async () => {
    const made = places(40);
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) for (let n = 0; n < 5; n += 1) await call(made, name);
    const taken: Place[] = [];
    for (let n = 0; n < 10; n += 1) taken.push(given(await made.take(names[n % 4] ?? '', 'mallory')));
    assert.equal(await made.take('a', 'mallory'), 'busy');
    given(await made.take('a', 'ann')).release(true);
    taken[0]?.release(true);
    given(await made.take('a', 'mallory'));
  });

  it('does not let the dead receivers of an owner take the places of their prompt ones', async () => {
    const made = places(40);
    for (let n = 0; n < 5; n += 1) await call(made, 'good');
    for (let host = 0; host < 5; host += 1) {
      for (let n = 0; n < 4; n += 1) given(await made.take(`dead-${host}`, 'ann'));
    }
    assert.equal(await made.take('dead-5', 'ann'), 'busy');
    given(await made.take('good', 'ann'));
  });

  it('lets a connection that is refused at once prove nothing', async () => {
    const made = places();
    for (let n = 0; n < 5; n += 1) await call(made, 'refusing', { wasAnswered: false });
    assert.equal(await placesOf(made, 'refusing'), 4);
  });

  it('lets some wait for a place that becomes free, in their order, and sends the others away', async () => {
    const made = places();
    const taken = await Promise.all([1, 2, 3, 4].map(() => made.take('busy')));
    const order: number[] = [];
    const waiting = [1, 2].map(async (n) => {
      given(await made.take('busy'));
      order.push(n);
    });
    given(taken[0] as Place).release(true);
    await Promise.all(waiting);
    assert.deepEqual(order, [1, 2]);
  });

  it('sends those away that have waited long enough, and those who wait when the receiver falls silent', async () => {
    const made = places();
    const taken = await Promise.all([1, 2, 3, 4].map(() => made.take('busy')));
    assert.equal(await made.take('busy'), 'busy');
    const waiting = made.take('busy');
    nowMs += 10_000;
    given(taken[0] as Place).release(false);
    assert.equal(await waiting, 'silent');
  });

  it('keeps half of the slots for receivers that have proven prompt', async () => {
    const made = places(20);
    for (let n = 0; n < 3; n += 1) await call(made, 'good');
    let unproven = 0;
    for (let host = 0; host < 100; host += 1) unproven += await placesOf(made, `dead-${host}`);
    assert.equal(unproven, 10);
    given(await made.take('good'));
  });
});
