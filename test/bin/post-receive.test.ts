import assert from 'node:assert/strict';

import type { PushMetadata } from '../../model/webhook-payloads';
import { readPush } from '../../model/webhook-payloads';
import type { HookedRepository, RawCommit } from '../support/hooked-repository';
import { answerAsSlipway, createHookedRepository } from '../support/hooked-repository';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';

const ZEROS = '0'.repeat(40);

interface Payload extends PushMetadata {
  commit_info?: { message: string; author: { username: string }; committer: { username: string } };
}

describe('the post-receive hook', () => {
  let receiver: Receiver;
  let repository: HookedRepository;

  beforeEach(async () => {
    receiver = await startReceiver(answerAsSlipway);
    repository = createHookedRepository(receiver.url);
  });

  afterEach(async () => {
    assert.deepEqual(repository.leftovers(), []);
    repository.source.dispose();
    await receiver.close();
  });

  const host = () => receiver.url.replace(/\/hook$/, '');
  const payloads = () => receiver.received.map(({ body }) => JSON.parse(body) as Payload);

  /** The payload of the push of this ref, which the product must take as it is. */
  function toldOf(ref: string): Payload {
    const told = payloads().filter((payload) => payload.ref === ref);
    assert.equal(told.length, 1, `${ref} was told ${told.length} times`);
    const [payload] = told as [Payload];
    const read = readPush(payload, 'git@git.example:app.git');
    assert.equal(read.kind, 'pushes', JSON.stringify(read));
    return payload;
  }

  /** Pushes raw commits, each to a branch of its own, and answers the payloads' commit infos. */
  async function pushCommits(...commits: RawCommit[]) {
    const ids = commits.map((commit) => repository.writeCommit(commit));
    await repository.push(...ids.map((id, index) => `${id}:refs/heads/c${index}`));
    return ids.map((_, index) => toldOf(`refs/heads/c${index}`).commit_info);
  }

  describe('the payload', () => {
    it('tells a new branch with all that is known of its commit', async () => {
      const commit = repository.source.git('rev-parse', 'HEAD');
      const date = repository.source.git('log', '-1', '--format=%cI');
      const told = await repository.push('main');
      assert.deepEqual(told, [`slipway: main: build b-${commit.slice(0, 7)} queued (${host()})`]);
      const ann = { username: 'Ann', url: '', avatar_url: '' };
      assert.deepEqual(toldOf('refs/heads/main'), {
        commit,
        ref: 'refs/heads/main',
        default_branch: 'main',
        commit_info: { url: '', message: 'first', date, author: ann, committer: ann },
      });
      assert.equal(receiver.received[0]?.method, 'POST');
      assert.equal(receiver.received[0]?.headers['content-type'], 'application/json');
    });

    it('tells the new commit of an update, forced ones too', async () => {
      await repository.push('main');
      const second = repository.source.commit({}, 'second');
      await repository.push('main');
      repository.source.git('commit', '--quiet', '--amend', '--allow-empty', '-m', 'instead');
      await repository.push('+main');
      const amended = repository.source.git('rev-parse', 'HEAD');
      assert.deepEqual(
        payloads()
          .slice(1)
          .map(({ commit }) => commit),
        [second, amended],
      );
    });

    it('names the commit that a tag points at, however far', async () => {
      const { source } = repository;
      const commit = source.git('rev-parse', 'HEAD');
      source.git('tag', 'light');
      source.git('tag', '-a', '-m', 'annotated', 'v1');
      source.git('tag', '-a', '-m', 'of a tag', 'v1-signed', 'v1');
      const told = await repository.push('--tags');
      assert.deepEqual(
        ['light', 'v1', 'v1-signed'].map((tag) => toldOf(`refs/tags/${tag}`).commit),
        [commit, commit, commit],
      );
      assert.match(told[1] ?? '', /^slipway: tag v1: build b-\w{7} queued/);
    });

    it('does not tell a tag of something else than a commit', async () => {
      repository.source.git('tag', 'tree', 'HEAD^{tree}');
      assert.deepEqual(await repository.push('tree'), [
        'slipway: tag tree: not told: it points at no commit',
      ]);
      assert.deepEqual(receiver.received, []);
    });

    it('tells of a deleted branch and a deleted tag with zeros', async () => {
      repository.source.git('tag', '-a', '-m', 'one', 'v1');
      await repository.push('HEAD:refs/heads/side', 'v1');
      receiver.received.length = 0;
      assert.deepEqual(await repository.push(':refs/heads/side', ':refs/tags/v1'), [
        'slipway: side: skipped: the ref was deleted',
        'slipway: tag v1: skipped: the ref was deleted',
      ]);
      const ref = 'refs/heads/side';
      assert.deepEqual(toldOf(ref), { commit: ZEROS, ref, default_branch: 'main' });
      const read = readPush(toldOf('refs/tags/v1'), 'git@git.example:app.git');
      assert.ok(read.kind === 'pushes' && read.pushes[0]?.kind === 'skipped');
    });

    it('tells each of several refs of one push', async () => {
      await repository.push('main', 'HEAD:refs/heads/old');
      receiver.received.length = 0;
      const next = repository.source.commit({}, 'next');
      const told = await repository.push('main', 'HEAD:refs/heads/feature/a', ':refs/heads/old');
      assert.equal(told.length, 3);
      assert.equal(toldOf('refs/heads/main').commit, next);
      assert.equal(toldOf('refs/heads/feature/a').commit, next);
      assert.equal(toldOf('refs/heads/old').commit, ZEROS);
    });

    it('tells remote branches, and says which other refs it does not', async () => {
      const refs = ['refs/remotes/up/main', 'refs/notes/commits', 'refs/pull/1/head', 'refs/pull/2/head'];
      assert.deepEqual(await repository.push('HEAD:refs/notes/other'), [
        'slipway: refs/notes/other: not told: only branches and tags are',
      ]);
      const told = await repository.push(...refs.map((ref) => `HEAD:${ref}`));
      assert.equal(told.length, 2);
      assert.match(told[0] ?? '', /^slipway: remotes\/up\/main: build/);
      assert.equal(told[1], 'slipway: refs/notes/commits and 2 more: not told: only branches and tags are');
      assert.deepEqual(
        payloads().map(({ ref }) => ref),
        ['refs/remotes/up/main'],
      );
    });

    it('takes the default branch from HEAD, and leaves it empty when HEAD names none', async () => {
      const { source } = repository;
      source.git('--git-dir', source.bare, 'symbolic-ref', 'HEAD', 'refs/heads/release/1');
      await repository.push('main');
      source.git(
        '--git-dir',
        source.bare,
        'update-ref',
        '--no-deref',
        'HEAD',
        source.git('rev-parse', 'HEAD'),
      );
      await repository.push('HEAD:refs/heads/side');
      assert.equal(toldOf('refs/heads/main').default_branch, 'release/1');
      assert.equal(toldOf('refs/heads/side').default_branch, '');
    });

    it('links the page of the commit where a template is configured', async () => {
      repository.configure('slipway.commiturl', 'https://git.example/"app"/{commit}?raw');
      await repository.push('main');
      const { commit, commit_info: told } = toldOf('refs/heads/main');
      assert.equal((told as unknown as { url: string }).url, `https://git.example/"app"/${commit}?raw`);
    });

    it('encodes the names of refs', async () => {
      await repository.push('HEAD:refs/heads/"quoted"-é-🚀');
      assert.ok(toldOf('refs/heads/"quoted"-é-🚀'));
    });
  });

  describe('authors and messages', () => {
    it('keeps quotes, backslashes, control characters, line breaks and emoji', async () => {
      const messages = [
        'say "no" to \\"\\\\ and \\u0041 \\n',
        'tab\there, bell\x07, escape\x1b[31m, delete\x7f, carriage\r\nreturn',
        "title\n\nbody\n\n\n  indented\n- $HOME `id` $(id) %s %n 'single'",
        '🚀 日本語 ß \u{10ffff} \ufeff \u2028 e\u0301 👩‍👩‍👧',
        '',
      ];
      const name = 'Ann "the \\ Ör" O\'Neil 🦊 $(id) %an';
      const infos = await pushCommits(
        ...messages.map((message) => ({ message, author: name, committer: `${name}2` })),
      );
      assert.deepEqual(
        infos.map((info) => info?.message),
        messages,
      );
      assert.deepEqual(infos[0]?.author.username, name);
      assert.deepEqual(infos[0]?.committer.username, `${name}2`);
    });

    it('drops the line breaks at the end of a message, and only those', async () => {
      const [info] = await pushCommits({ message: 'title\n\nbody \n\n\n' });
      assert.equal(info?.message, 'title\n\nbody ');
    });

    it('replaces what is not UTF-8, as any decoder does', async () => {
      const broken = [
        Buffer.from('caf\xe9 au lait', 'latin1'),
        // Overlong, surrogate, beyond Unicode, a lone continuation, cut sequences.
        Buffer.from('61c0af62eda0806362f4908080648065f09f9a66e282', 'hex'),
        Buffer.from('e28263f09f41', 'hex'),
      ];
      const infos = await pushCommits(...broken.map((message) => ({ message, author: message })));
      const decoded = broken.map((bytes) => new TextDecoder().decode(bytes));
      assert.deepEqual(
        infos.map((info) => info?.message),
        decoded,
      );
      assert.deepEqual(
        infos.map((info) => info?.author.username),
        decoded,
      );
    });

    it('converts commits of another encoding, whatever the server prefers', async () => {
      repository.configure('i18n.logOutputEncoding', 'ISO-8859-1');
      const latin = Buffer.from('Jürgen Äß', 'latin1');
      const [info] = await pushCommits({
        author: latin,
        message: latin,
        headers: ['encoding ISO-8859-1'],
      });
      assert.deepEqual([info?.author.username, info?.message], ['Jürgen Äß', 'Jürgen Äß']);
    });

    it('is not disturbed by what git logs besides', async () => {
      repository.configure('log.showSignature', 'true');
      repository.configure('format.pretty', 'fuller');
      repository.configure('color.ui', 'always');
      const [info] = await pushCommits({
        message: 'plain',
        headers: ['gpgsig -----BEGIN', ' x', ' -----END'],
      });
      assert.equal(info?.message, 'plain');
    });

    it('keeps long messages, and cuts those that no trigger would take', async () => {
      const long = `${'long "line" 🚀\n'.repeat(15_000)}end`;
      const [kept, cut] = await pushCommits({ message: long }, { message: 'ä'.repeat(400_000) });
      assert.equal(kept?.message, long);
      assert.equal(cut?.message, `${'ä'.repeat(262_144)}…`);
      assert.ok(receiver.received.every(({ body }) => body.length < 5 * 1024 * 1024));
    });
  });
});
