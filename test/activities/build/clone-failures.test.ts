import assert from 'node:assert/strict';

import { GitError } from 'simple-git';

import { judgeCloneFailure } from '../../../activities/build/clone-failures';
import { BUILD_HOST_FAILED } from '../../../workflows/shared/failure-types';

const judge = (said: string) =>
  judgeCloneFailure(new GitError(undefined, said), 'https://git.example/app.git', '/builds/1/source');

describe('judgeCloneFailure', () => {
  for (const said of [
    'fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output',
    'error: unable to write file big',
    "fatal: sha1 file '/builds/1/source/.git/index.lock' write error. Out of diskspace",
  ]) {
    it(`blames the disk of this host for "${said.slice(0, 40)}…"`, () => {
      const verdict = judge(said);
      assert.ok(verdict?.kind === 'final');
      assert.equal(verdict.failure.type, BUILD_HOST_FAILED);
      assert.match(verdict.failure.message, /^the disk of the build host is full: /);
      assert.doesNotMatch(verdict.failure.message, /\/builds/);
    });
  }

  it('does not take the full disk of the git host for its own', () => {
    const verdict = judge('remote: error: No space left on device\nfatal: the remote end hung up');
    assert.ok(verdict?.kind === 'passing');
    assert.match(verdict.reason, /remote: error: No space left on device/);
  });
});
