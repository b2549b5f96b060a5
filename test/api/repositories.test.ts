import assert from 'node:assert/strict';

import { Repository } from '../../db/entities/repositories';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import {
  buildOrganization,
  buildRepository,
  buildTeam,
  buildUser,
  grant,
  uniqueName,
} from '../support/factories';

describe('repository routes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const namesIn = (body: { repositories: { name: string }[] }) => body.repositories.map(({ name }) => name);

  it('make a repository, with slashes in its name too', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account);
    const json = { repository: 'team/app', visibility: 'private', description: 'a *demo*' };
    const made = await api.call('POST', '/repository', { token, json });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body, { namespace: account.name, name: 'team/app', kind: 'image' });
    const { body } = await api.call('GET', `/repository/${account.name}/team/app`, { token });
    assert.deepEqual([body.name, body.description, body.is_public], ['team/app', 'a *demo*', false]);
    assert.deepEqual([body.can_write, body.can_admin, body.is_organization], [true, true, false]);
    assert.deepEqual([body.tags, body.state, 'stats' in body], [{}, 'NORMAL', false]);
    assert.match(body.status_token, /^[0-9a-f-]{36}$/);
    const again = await api.call('POST', '/repository', { token, json });
    assert.deepEqual([again.status, again.body.detail], [400, 'Repository already exists']);
  });

  it('refuse input that is not acceptable and namespaces of others', async () => {
    const { account } = await buildUser(api.dataSource);
    const { account: other } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account);
    const good = { repository: 'app', visibility: 'private', description: '' };
    const send = (json: object) => api.call('POST', '/repository', { token, json });
    assert.equal((await send({ ...good, visibility: 'secret' })).body.field, 'visibility');
    assert.equal((await send({ ...good, repository: 'UPPER' })).status, 400);
    assert.equal((await send({ repository: 'app', visibility: 'private' })).body.field, 'description');
    assert.equal((await send({ ...good, namespace: other.name })).status, 403);
    assert.equal((await send({ ...good, namespace: uniqueName('nobody') })).status, 403);
    const noCreate = await api.tokenOf(account, ['repo:admin']);
    assert.equal((await api.call('POST', '/repository', { token: noCreate, json: good })).status, 403);
  });

  it('let creators of an organization make one, and administer what they made', async () => {
    const { account: owner } = await buildUser(api.dataSource);
    const { account: creator } = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner });
    await buildTeam(api.dataSource, { organization, role: 'creator', members: [creator] });
    const token = await api.tokenOf(creator);
    const json = { namespace: organization.name, repository: 'made', visibility: 'private', description: '' };
    assert.equal((await api.call('POST', '/repository', { token, json })).status, 201);
    const { body } = await api.call('GET', `/repository/${organization.name}/made`, { token });
    assert.deepEqual([body.can_admin, body.is_organization], [true, true]);
  });

  it('change description and visibility, and delete', async () => {
    const { account } = await buildUser(api.dataSource);
    const repository = await buildRepository(api.dataSource, { namespace: account });
    const token = await api.tokenOf(account);
    const path = `/repository/${account.name}/${repository.name}`;
    const described = await api.call('PUT', path, { token, json: { description: 'new' } });
    assert.deepEqual([described.status, described.body], [200, { success: true }]);
    const opened = await api.call('POST', `${path}/changevisibility`, {
      token,
      json: { visibility: 'public' },
    });
    assert.deepEqual([opened.status, opened.body], [200, { success: true }]);
    const { body } = await api.call('GET', path);
    assert.deepEqual([body.description, body.is_public, body.status_token], ['new', true, '']);
    assert.deepEqual([body.can_write, body.can_admin], [false, false]);
    assert.equal((await api.call('DELETE', path, { token })).status, 204);
    assert.equal((await api.call('GET', path, { token })).status, 404);
    assert.equal((await api.call('GET', path)).status, 401);
    const listed = await api.call('GET', `/repository?namespace=${account.name}`, { token });
    assert.deepEqual(listed.body.repositories, []);
  });

  it('need write for the description and admin for the rest', async () => {
    const { account: owner } = await buildUser(api.dataSource);
    const { account: writer } = await buildUser(api.dataSource);
    const repository = await buildRepository(api.dataSource, { namespace: owner });
    await grant(api.dataSource, repository, writer, 'write');
    const token = await api.tokenOf(writer);
    const path = `/repository/${owner.name}/${repository.name}`;
    assert.equal((await api.call('PUT', path, { token, json: { description: 'x' } })).status, 200);
    assert.equal((await api.call('DELETE', path, { token })).status, 403);
    const json = { visibility: 'public' };
    assert.equal((await api.call('POST', `${path}/changevisibility`, { token, json })).status, 403);
  });

  it('fill the statistics of every day', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account);
    const json = { repository: 'app', visibility: 'private', description: '' };
    await api.call('POST', '/repository', { token, json });
    const path = `/repository/${account.name}/app?includeStats=true&includeTags=false`;
    const { body } = await api.call('GET', path, { token });
    assert.equal('tags' in body, false);
    assert.equal(body.stats.length, 90);
    assert.equal(body.stats.at(-1).count, 1);
    assert.equal(body.stats[0].count, 0);
  });

  it('list what the caller may read, and public ones when asked or when nobody asks', async () => {
    const { account: owner } = await buildUser(api.dataSource);
    const { account: collaborator } = await buildUser(api.dataSource);
    const { account: teammate } = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner });
    const team = await buildTeam(api.dataSource, { organization, members: [teammate] });
    const make = (name: string, visibility: 'public' | 'private') =>
      buildRepository(api.dataSource, { namespace: organization, name, visibility });
    await make('open', 'public');
    await make('closed', 'private');
    await grant(api.dataSource, await make('shared', 'private'), collaborator, 'read');
    await grant(api.dataSource, await make('teams', 'private'), team, 'write');
    const list = async (query: string, token?: string) => {
      const path = `/repository?namespace=${organization.name}${query}`;
      return namesIn((await api.call('GET', path, token === undefined ? {} : { token })).body);
    };
    assert.deepEqual(await list('', await api.tokenOf(owner)), ['open', 'closed', 'shared', 'teams']);
    assert.deepEqual(await list('', await api.tokenOf(collaborator)), ['shared']);
    assert.deepEqual(await list('&public=true', await api.tokenOf(collaborator)), ['open', 'shared']);
    assert.deepEqual(await list('', await api.tokenOf(teammate)), ['teams']);
    assert.deepEqual(await list(''), ['open']);
    assert.deepEqual(await list('', await api.tokenOf(owner, ['user:admin'])), ['open']);
  });

  it('show last_modified and popularity only when asked', async () => {
    const { account } = await buildUser(api.dataSource);
    await buildRepository(api.dataSource, { namespace: account });
    const token = await api.tokenOf(account);
    const one = async (query: string) =>
      (await api.call('GET', `/repository?namespace=${account.name}${query}`, { token })).body
        .repositories[0];
    const plain = await one('');
    assert.deepEqual(
      ['last_modified' in plain, 'popularity' in plain, plain.is_starred],
      [false, false, false],
    );
    const asked = await one('&last_modified=true&popularity=true');
    assert.deepEqual([asked.last_modified, asked.popularity], [null, 0]);
    assert.equal((await api.call('GET', '/repository', { token })).status, 400);
    assert.equal((await api.call('GET', '/repository?starred=true')).status, 400);
  });

  it('page by a hundred, and take a token of another caller or query for none', async () => {
    const { account } = await buildUser(api.dataSource);
    const rows = Array.from({ length: 130 }, (_, index) => ({
      ...{
        uuid: crypto.randomUUID(),
        namespaceId: account.id,
        name: `r${index}`,
        visibility: 'public' as const,
      },
      ...{ state: 'NORMAL' as const, badgeToken: crypto.randomUUID(), createdAtMs: 1 },
    }));
    await api.dataSource.manager.insert(Repository, rows);
    const token = await api.tokenOf(account);
    const path = `/repository?namespace=${account.name}`;
    const first = (await api.call('GET', path, { token })).body;
    assert.match(first.next_page, /^[\w-]+$/);
    const second = (await api.call('GET', `${path}&next_page=${first.next_page}`, { token })).body;
    assert.equal('next_page' in second, false);
    assert.deepEqual(
      [...namesIn(first), ...namesIn(second)],
      rows.map(({ name }) => name),
    );
    for (const [query, call] of [
      [`&next_page=${first.next_page}`, {}],
      [`&public=true&next_page=${first.next_page}`, { token }],
      ['&next_page=rubbish', { token }],
      [`&next_page=${first.next_page}x`, { token }],
    ] as const) {
      const answer = await api.call('GET', path + query, call);
      assert.equal(answer.body.repositories[0].name, 'r0', query);
    }
  });
});

describe('permission routes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  async function organizationRepository() {
    const { account: owner } = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner });
    const repository = await buildRepository(api.dataSource, { namespace: organization });
    const path = `/repository/${organization.name}/${repository.name}/permissions`;
    return { owner, organization, path, token: await api.tokenOf(owner) };
  }

  it('give, show, change and take a role of a user', async () => {
    const { path, token } = await organizationRepository();
    const { account } = await buildUser(api.dataSource);
    const one = `${path}/user/${account.name}`;
    const given = await api.call('PUT', one, { token, json: { role: 'read' } });
    assert.equal(given.status, 200);
    const { role, name, is_robot: isRobot, is_org_member: isMember } = given.body;
    assert.deepEqual([role, name, isRobot, isMember], ['read', account.name, false, false]);
    assert.equal((await api.call('PUT', one, { token, json: { role: 'admin' } })).body.role, 'admin');
    const list = await api.call('GET', `${path}/user/`, { token });
    assert.deepEqual(Object.keys(list.body.permissions), [account.name]);
    assert.equal((await api.call('DELETE', one, { token })).status, 204);
    const gone = await api.call('GET', one, { token });
    assert.deepEqual([gone.status, gone.body.detail], [400, 'User does not have permission for repo.']);
    assert.equal((await api.call('DELETE', one, { token })).status, 400);
  });

  it('take robots of the namespace by their full name, others not', async () => {
    const { path, token, organization } = await organizationRepository();
    await api.call('PUT', `/organization/${organization.name}/robots/ci`, { token });
    const json = { role: 'write' };
    const given = await api.call('PUT', `${path}/user/${organization.name}+ci`, { token, json });
    assert.deepEqual([given.status, given.body.is_robot], [200, true]);
    const other = await organizationRepository();
    const foreign = await api.call('PUT', `${other.path}/user/${organization.name}+ci`, {
      token: other.token,
      json,
    });
    assert.equal(foreign.status, 400);
  });

  it('give, show and take a role of a team', async () => {
    const { path, token, organization } = await organizationRepository();
    const team = await buildTeam(api.dataSource, { organization });
    const one = `${path}/team/${team.name}`;
    const given = await api.call('PUT', one, { token, json: { role: 'write' } });
    assert.deepEqual([given.body.role, given.body.avatar.kind], ['write', 'team']);
    assert.deepEqual((await api.call('GET', one, { token })).body, { role: 'write' });
    const list = await api.call('GET', `${path}/team/`, { token });
    assert.deepEqual(Object.keys(list.body.permissions), [team.name]);
    assert.equal((await api.call('DELETE', one, { token })).status, 204);
    assert.equal((await api.call('GET', one, { token })).status, 400);
  });

  it('refuse unknown names, unknown roles and the owner of the namespace', async () => {
    const { path, token } = await organizationRepository();
    const json = { role: 'read' };
    const unknown = await api.call('PUT', `${path}/user/${uniqueName('nobody')}`, { token, json });
    assert.equal(unknown.status, 400);
    const role = await api.call('PUT', `${path}/user/whoever`, { token, json: { role: 'owner' } });
    assert.deepEqual([role.status, role.body.field], [400, 'role']);
    assert.equal((await api.call('PUT', `${path}/team/none`, { token, json })).status, 400);
    const { account } = await buildUser(api.dataSource);
    const mine = await buildRepository(api.dataSource, { namespace: account });
    const own = `/repository/${account.name}/${mine.name}/permissions/user/${account.name}`;
    const answer = await api.call('PUT', own, { token: await api.tokenOf(account), json });
    assert.deepEqual([answer.status, answer.body.detail], [400, 'Namespace owner must always be admin.']);
  });
});
