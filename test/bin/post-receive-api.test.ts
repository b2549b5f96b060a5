import assert from 'node:assert/strict';

import { Build } from '../../db/entities/builds';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildRepository, buildUser } from '../support/factories';
import type { HookedRepository } from '../support/hooked-repository';
import { createHookedRepository } from '../support/hooked-repository';

describe('the post-receive hook with the API', () => {
  let api: TestApi;
  let hooked: HookedRepository;

  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  beforeEach(() => {
    hooked = createHookedRepository();
  });
  afterEach(() => hooked.source.dispose());

  /** A trigger whose URL is configured in the git repository, as its answer names it but for the address. */
  async function connect(config: object = {}) {
    const { account } = await buildUser(api.dataSource);
    const repository = await buildRepository(api.dataSource, { namespace: account });
    const path = `/repository/${account.name}/${repository.name}/trigger/`;
    const created = await api.call('POST', path, {
      token: await api.tokenOf(account),
      json: { service: 'custom-git', config: { build_source: 'git@git.example:ops/web.git', ...config } },
    });
    const { config: active } = created.body as { config: { credentials: { value: string }[] } };
    const value = active.credentials[1]?.value ?? assert.fail('no URL');
    const url = value.replace(/^\w+:\/\/([^@]+)@[^/]+/, `http://$1@${new URL(api.url).host}`);
    hooked.configure('slipway.webhook', url);
    return { url, builds: () => api.dataSource.manager.findBy(Build, { repositoryId: repository.id }) };
  }

  it('starts exactly one build of a pushed commit, with all that is known of it', async () => {
    const { builds } = await connect({ tag_templates: ['${commit_info.short_sha}'] });
    const message = 'say "häl\\lo" 🚀\n\nbody\u0007';
    const commit = hooked.writeCommit({ message, author: 'Ann "Ö" \\' });
    const [line = ''] = await hooked.push(`${commit}:refs/heads/main`);
    const [build, ...more] = await builds();
    assert.deepEqual(more, []);
    assert.ok(build && line.startsWith(`slipway: main: build ${build.uuid} queued`), line);
    assert.deepEqual(build.dockerTags, [commit.slice(0, 7), 'main', 'latest']);
    const { commit_info: told } = build.triggerMetadata as {
      commit_info: { message: string; author: { username: string } };
    };
    assert.deepEqual([told.message, told.author.username], [message, 'Ann "Ö" \\']);
  });

  it('says why nothing is built', async () => {
    const { builds } = await connect({ branchtag_regex: 'heads/(main|side)' });
    await hooked.push('HEAD:refs/heads/side');
    const skipped = hooked.writeCommit({ message: 'docs\n\n[skip build]' });
    assert.deepEqual(
      await hooked.push(':refs/heads/side', 'HEAD:refs/heads/dev', `${skipped}:refs/heads/main`),
      [
        'slipway: side: skipped: the ref was deleted',
        'slipway: dev: skipped: "heads/dev" does not match the trigger\'s filter heads/(main|side)',
        'slipway: main: skipped: the commit message says [skip build]',
      ],
    );
    assert.equal((await builds()).length, 1);
  });

  it('says that the secret is wrong, and that there is no such trigger', async () => {
    const { url } = await connect();
    hooked.configure('slipway.webhook', url.replace(/token:[^@]+/, 'token:WRONG'));
    assert.deepEqual(await hooked.push('HEAD:refs/heads/a'), [
      'slipway: a: not told: HTTP 403 Permission Denied',
    ]);
    hooked.configure('slipway.webhook', `${url}0`);
    assert.deepEqual(await hooked.push('HEAD:refs/heads/b'), ['slipway: b: not told: HTTP 404 Not Found']);
  });
});
