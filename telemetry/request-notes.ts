import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What is told of a request in logs and metrics. */
interface RequestNote {
  id: string;
  /** Pattern of the route that took it; few enough for a label. */
  route: string;
}

const prefix = randomBytes(4).toString('hex');
let counter = 0;
const notes = new WeakMap<IncomingMessage, RequestNote>();

/** The same object for the whole life of a request. */
export function noteOf(request: IncomingMessage): RequestNote {
  let note = notes.get(request);
  if (!note) {
    note = { id: nextId(), route: 'none' };
    notes.set(request, note);
  }
  return note;
}

/** A correlation id: a counter behind a prefix of this process, cheaper than a UUID per request. */
export function requestIdOf(request: IncomingMessage): string {
  return noteOf(request).id;
}

function nextId(): string {
  counter += 1;
  return `${prefix}-${counter.toString(36)}`;
}
