import assert from 'node:assert/strict';

import { isTrouble } from '../../../activities/build/build-image';

describe('trouble of the engine', () => {
  const pulling = (message: string) =>
    isTrouble(
      { code: 'cannotpullbaseimage', message: `base image "x" cannot be pulled: ${message}` },
      'reg.example:80',
    );

  it('is a registry that restarts while a base image is pulled', () => {
    for (const message of [
      'failed to do request: Head "http://reg.example:80/v2/a/b/manifests/c": dial tcp 10.0.0.1:80: connect: connection refused',
      'failed to fetch oauth token: unexpected status: 500 Internal Server Error',
      'unexpected status code [manifests c]: 503 Service Unavailable',
      'failed to copy: httpReadSeeker: failed open: Get "http://reg.example:80/v2/": EOF',
      'read tcp 10.0.0.1:1->10.0.0.1:80: read: connection reset by peer',
      'failed to create LLB definition: no active session for 5d76b0f5: context deadline exceeded',
    ]) {
      assert.ok(pulling(message), message);
    }
  });

  it('is not what a user can mend', () => {
    for (const message of [
      'pull access denied, repository does not exist or may require authorization',
      'reg.example:80/a/b:c: not found',
      'dial tcp: lookup no-such-host: no such host',
      'failed to do request: Head "http://other.example/v2/a/manifests/c": dial tcp: connect: connection refused',
    ]) {
      assert.ok(!pulling(message), message);
    }
  });

  it('is not a step of the Dockerfile that says the same words', () => {
    const message = '[2/3] RUN curl http://reg.example:80 failed: connection refused, unexpected EOF';
    assert.ok(!isTrouble({ code: 'builderror', message }, 'reg.example:80'));
    assert.ok(
      isTrouble({ code: 'builderror', message: 'rpc error: transport is closing' }, 'reg.example:80'),
    );
  });

  it('is not a command that failed, whatever words it is made of', () => {
    const command = 'echo no space left on device; false';
    for (const message of [
      `RUN ${command} failed: process "/bin/sh -c ${command}" did not complete successfully: exit code: 1`,
      `RUN ${command} failed: The command '/bin/sh -c ${command}' returned a non-zero code: 1`,
    ]) {
      assert.ok(!isTrouble({ code: 'builderror', message }, 'reg.example:80'), message);
    }
  });
});
