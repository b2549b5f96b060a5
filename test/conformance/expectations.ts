import assert from 'node:assert/strict';

import type { Answer } from './client';

/** Where the answer leads; path-only, whatever host the client came by. */
export function locationOf({ headers }: Answer): string {
  const { location } = headers;
  assert.match(location ?? '', /^\/v2\//, 'no Location, or not one of this registry');
  return location ?? '';
}

/** An address with more parameters; it may have some already. */
export function withParameters(location: string, parameters: readonly (readonly [string, string])[]): string {
  const url = new URL(location, 'http://any.test');
  for (const [name, value] of parameters) url.searchParams.append(name, value);
  return url.pathname + url.search;
}

export function expectDigest({ headers }: Answer, digest: string): void {
  assert.equal(headers['docker-content-digest'], digest);
}

/** Content as it was pushed: its bytes and length, its type, and the digest that was asked for. */
export function expectContent(
  answer: Answer,
  content: { digest: string; bytes: Buffer; mediaType: string },
): void {
  expectHead(answer, content);
  assert.ok(answer.body.equals(content.bytes), 'the bytes differ');
}

/** The headers of content; of a HEAD also that nothing else comes. */
export function expectHead(
  answer: Answer,
  { digest, bytes, mediaType }: { digest: string; bytes: Buffer; mediaType: string },
): void {
  expectDigest(answer, digest);
  assert.equal(answer.headers['content-length'], String(bytes.length));
  assert.equal(answer.headers['content-type'], mediaType);
}

export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString('utf8'));
}

/** Codes of a refusal, which has the form of all refusals. */
export function codesIn(answer: Answer): string[] {
  assert.equal(answer.headers['content-type'], 'application/json');
  const { errors } = jsonOf(answer) as { errors: { code: string; message: string; detail: unknown }[] };
  for (const { message, detail } of errors) {
    assert.equal(typeof message, 'string');
    assert.equal(typeof detail, 'object');
  }
  return errors.map((error) => error.code);
}
