import assert from 'node:assert/strict';

import type { PushMetadata } from '../../model/webhook-payloads';
import { readPush, reasonToSkipPush } from '../../model/webhook-payloads';

const GIT_URL = 'git@git.example:ops/web.git';
const SHA = 'aabbccddeeff00112233445566778899aabbccdd';
const ZEROS = '0'.repeat(40);
const CUSTOM = { commit: SHA, ref: 'refs/heads/main', default_branch: 'main' };
const PERSON = { username: 'ann', url: 'u', avatar_url: 'a' };
const INFO = { url: 'u', message: 'tune', date: 'yesterday', author: PERSON, committer: PERSON };

function build(metadata: object) {
  return { kind: 'build', metadata };
}

function deleted() {
  return { kind: 'skipped', reason: 'the ref was deleted' };
}

describe('readPush, our own shape', () => {
  it('keeps the whole payload and takes the URL of the trigger', () => {
    const body = { ...CUSTOM, commit_info: INFO, build: { number: 7 }, git_url: 'git@evil.example:x.git' };
    assert.deepEqual(readPush(body, GIT_URL), {
      kind: 'pushes',
      pushes: [build({ ...body, git_url: GIT_URL })],
    });
  });

  const wrong: [string, unknown, string, string][] = [
    ['a list', [], 'payload', 'must be a JSON object'],
    ['null', null, 'payload', 'must be a JSON object'],
    ['no commit', { ...CUSTOM, commit: undefined }, 'commit', 'is required'],
    ['a short commit', { ...CUSTOM, commit: 'abc123' }, 'commit', 'must be at least 7 hexadecimal digits'],
    ['a word as commit', { ...CUSTOM, commit: 'foo' }, 'commit', 'must be at least 7 hexadecimal digits'],
    ['a number as commit', { ...CUSTOM, commit: 1234567 }, 'commit', 'must be a string'],
    ['no ref', { ...CUSTOM, ref: undefined }, 'ref', 'is required'],
    [
      'a ref of another kind',
      { ...CUSTOM, ref: 'refs/pull/1/head' },
      'ref',
      'must begin with refs/heads/, refs/tags/ or refs/remotes/',
    ],
    ['no default branch', { ...CUSTOM, default_branch: undefined }, 'default_branch', 'is required'],
    ['null as commit_info', { ...CUSTOM, commit_info: null }, 'commit_info', 'must be an object'],
    [
      'no message',
      { ...CUSTOM, commit_info: { ...INFO, message: undefined } },
      'commit_info.message',
      'is required',
    ],
    [
      'a text as author',
      { ...CUSTOM, commit_info: { ...INFO, author: 'ann' } },
      'commit_info.author',
      'must be an object',
    ],
    [
      'a committer without a picture',
      { ...CUSTOM, commit_info: { ...INFO, committer: { ...PERSON, avatar_url: null } } },
      'commit_info.committer.avatar_url',
      'must be a string',
    ],
  ];
  for (const [what, body, field, reason] of wrong) {
    it(`refuses ${what}, naming ${field}`, () => {
      assert.deepEqual(readPush(body, GIT_URL), { kind: 'invalid', problem: { field, reason } });
    });
  }

  it('says that a ref was deleted when the commit is all zeros', () => {
    assert.deepEqual(readPush({ ...CUSTOM, commit: ZEROS }, GIT_URL), {
      kind: 'pushes',
      pushes: [deleted()],
    });
  });

  it('takes an empty commit message', () => {
    assert.equal(readPush({ ...CUSTOM, commit_info: { ...INFO, message: '' } }, GIT_URL).kind, 'pushes');
  });
});

describe("readPush, GitHub's shape", () => {
  const GITHUB = {
    ref: 'refs/heads/main',
    repository: { ssh_url: 'git@github.example:o/n.git', default_branch: 'main' },
    head_commit: {
      id: SHA,
      url: 'https://c',
      timestamp: '2026-02-03T10:00:00Z',
      message: 'tune',
      author: { username: 'ann', name: 'Ann', html_url: 'https://ann' },
      committer: { name: 'no user name' },
    },
  };

  it('maps the head commit', () => {
    const expected = build({
      commit: SHA,
      ref: 'refs/heads/main',
      git_url: GIT_URL,
      default_branch: 'main',
      commit_info: {
        url: 'https://c',
        message: 'tune',
        date: '2026-02-03T10:00:00Z',
        author: { username: 'ann', url: 'https://ann' },
      },
    });
    assert.deepEqual(readPush(GITHUB, GIT_URL), { kind: 'pushes', pushes: [expected] });
  });

  it('skips a deletion, a ping and a ref that is neither branch nor tag', () => {
    assert.deepEqual(readPush({ ...GITHUB, head_commit: null }, GIT_URL), {
      kind: 'pushes',
      pushes: [deleted()],
    });
    assert.equal(readPush({ zen: 'Design for failure.', hook_id: 1 }, GIT_URL).kind, 'skipped');
    assert.deepEqual(readPush({ ...GITHUB, ref: 'refs/pull/1/head' }, GIT_URL), {
      kind: 'pushes',
      pushes: [{ kind: 'skipped', reason: '"refs/pull/1/head" is neither a branch nor a tag' }],
    });
  });

  it('builds a commit with an empty message', () => {
    const read = readPush({ ...GITHUB, head_commit: { ...GITHUB.head_commit, message: '' } }, GIT_URL);
    assert.equal(read.kind === 'pushes' && read.pushes[0]?.kind, 'build');
  });
});

describe("readPush, GitLab's shape", () => {
  const GITLAB = {
    object_kind: 'push',
    ref: 'refs/heads/main',
    checkout_sha: SHA,
    after: SHA,
    project: { default_branch: 'trunk' },
    repository: { git_ssh_url: 'git@gitlab.example:o/n.git' },
    commits: [
      { id: 'ffff', message: 'another', timestamp: 't', author: { email: 'a@b.c' } },
      { id: SHA, message: 'tune', timestamp: 'now', url: 'https://c', author: { email: 'a@b.c' } },
    ],
  };

  it('finds the commit by its id, and the default branch in the payload', () => {
    const expected = build({
      commit: SHA,
      ref: 'refs/heads/main',
      git_url: GIT_URL,
      default_branch: 'trunk',
      commit_info: { url: 'https://c', message: 'tune', date: 'now' },
    });
    assert.deepEqual(readPush(GITLAB, GIT_URL), { kind: 'pushes', pushes: [expected] });
  });

  it('builds a new branch or tag that brings no commits of its own', () => {
    const read = readPush({ ...GITLAB, object_kind: 'tag_push', ref: 'refs/tags/v1', commits: [] }, GIT_URL);
    const metadata = { commit: SHA, ref: 'refs/tags/v1', git_url: GIT_URL, default_branch: 'trunk' };
    assert.deepEqual(read, { kind: 'pushes', pushes: [build(metadata)] });
  });

  it('skips a deletion and events that are no push', () => {
    const gone = { ...GITLAB, checkout_sha: null, after: ZEROS, commits: [] };
    assert.deepEqual(readPush(gone, GIT_URL), { kind: 'pushes', pushes: [deleted()] });
    const issue = { object_kind: 'issue', project: {} };
    assert.deepEqual(readPush(issue, GIT_URL), { kind: 'skipped', reason: '"issue" is not a push' });
  });
});

describe("readPush, Bitbucket's shape", () => {
  const change = (type: string, name: string, hash: string) => ({
    new: {
      type,
      name,
      target: { hash, message: 'tune', date: 'now', links: { html: { href: 'https://c' } } },
    },
  });
  const BITBUCKET = {
    repository: { full_name: 'o/n' },
    actor: { display_name: 'Ann', links: { avatar: { href: 'https://a' } } },
    push: { changes: [change('branch', 'main', SHA), change('tag', 'v1', SHA)] },
  };
  const info = {
    url: 'https://c',
    message: 'tune',
    date: 'now',
    committer: { username: 'Ann', avatar_url: 'https://a' },
  };

  it('builds every branch and tag of the push', () => {
    const metadata = { commit: SHA, git_url: GIT_URL, default_branch: 'master', commit_info: info };
    assert.deepEqual(readPush(BITBUCKET, GIT_URL), {
      kind: 'pushes',
      pushes: [build({ ...metadata, ref: 'refs/heads/main' }), build({ ...metadata, ref: 'refs/tags/v1' })],
    });
  });

  it('skips a deleted branch and a push without changes', () => {
    const gone = { ...BITBUCKET, push: { changes: [{ new: null, old: { type: 'branch', name: 'main' } }] } };
    assert.deepEqual(readPush(gone, GIT_URL), { kind: 'pushes', pushes: [deleted()] });
    assert.equal(readPush({ ...BITBUCKET, push: { changes: [] } }, GIT_URL).kind, 'skipped');
  });
});

describe('reasonToSkipPush', () => {
  const push = (ref: string, message?: string): PushMetadata => ({
    commit: SHA,
    ref,
    git_url: GIT_URL,
    ...(message === undefined ? {} : { commit_info: { message } }),
  });

  for (const [message, skips] of [
    ['tune [skip build]', true],
    ['[build skip]\n\nmore', true],
    ['[Skip Build]', false],
    ['skip build', false],
  ] as const) {
    it(`${skips ? 'skips' : 'builds'} "${message}"`, () => {
      assert.equal(reasonToSkipPush(push('refs/heads/main', message), {}) !== undefined, skips);
    });
  }

  const union = '(((heads/alpha)|(heads/beta))|(heads/gamma))|(heads/master)';
  for (const [ref, pattern, builds] of [
    ['refs/heads/master', '.+', true],
    ['refs/heads/master', 'heads/.+', true],
    ['refs/heads/master', 'master', false],
    ['refs/heads/slash/branch', 'heads/.+', true],
    ['refs/heads/slash/branch', 'heads/slash/branch', true],
    ['refs/heads/master', 'tags/master', false],
    ['refs/heads/gamma', union, true],
    ['refs/heads/delta', union, false],
    // Decided: the whole name is matched, so the order of alternatives does not matter.
    ['refs/heads/main', 'heads/(ma|main)', true],
    ['refs/heads/main', '(?:heads/)?main', true],
    ['refs/heads/a/b', 'heads/[^/]+', false],
    ['refs/heads/Main', 'heads/main', false],
    // Decided: an empty pattern is no filter. As in Quay: one that does not compile lets everything through.
    ['refs/heads/main', '', true],
    ['refs/heads/main', '][', true],
  ] as const) {
    it(`${ref} with filter ${pattern}: ${builds ? 'builds' : 'skipped'}`, () => {
      assert.equal(reasonToSkipPush(push(ref), { branchtag_regex: pattern }) === undefined, builds);
    });
  }
});
