import assert from 'node:assert/strict';

import type { Account } from '../../db/entities/accounts';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import {
  buildOrganization,
  buildRepository,
  buildRobot,
  buildTeam,
  buildUser,
  grant,
} from '../support/factories';

describe('robot routes', () => {
  let api: TestApi;
  let organization: Account;
  let ownersToken: string;
  let membersToken: string;

  before(async () => {
    api = await startApi();
    const { account: owner } = await buildUser(api.dataSource);
    const { account: member } = await buildUser(api.dataSource);
    ({ account: organization } = await buildOrganization(api.dataSource, { owner }));
    await buildTeam(api.dataSource, { organization, members: [member] });
    ownersToken = await api.tokenOf(owner);
    membersToken = await api.tokenOf(member);
  });
  after(() => api.close());

  const robots = (rest = '') => `/organization/${organization.name}/robots${rest}`;

  it('make a robot without any body, show it, give it another token and remove it', async () => {
    const token = ownersToken;
    const made = await api.call('PUT', robots('/ci'), { token });
    assert.deepEqual([made.status, made.body.name], [201, `${organization.name}+ci`]);
    assert.match(made.body.token, /^[A-Z0-9]{64}$/);
    assert.deepEqual(made.body.unstructured_metadata, {});
    const shown = await api.call('GET', robots('/ci'), { token });
    assert.equal(shown.body.token, made.body.token);
    const renewed = await api.call('POST', robots('/ci/regenerate'), { token });
    assert.deepEqual([renewed.status, 'unstructured_metadata' in renewed.body], [200, false]);
    assert.notEqual(renewed.body.token, made.body.token);
    assert.equal((await api.call('DELETE', robots('/ci'), { token })).status, 204);
    assert.equal((await api.call('GET', robots('/ci'), { token })).status, 400);
  });

  it('refuse a second robot of a name, bad names and long descriptions', async () => {
    const token = ownersToken;
    const json = { description: 'builds' };
    assert.equal((await api.call('PUT', robots('/twice'), { token, json })).body.description, 'builds');
    const again = await api.call('PUT', robots('/twice'), { token });
    assert.equal(again.status, 400);
    assert.match(again.body.detail, /^Existing robot with name: /);
    assert.equal((await api.call('PUT', robots('/Not%20Legal'), { token })).status, 400);
    const long = await api.call('PUT', robots('/long'), { token, json: { description: 'x'.repeat(256) } });
    assert.deepEqual([long.status, long.body.field], [400, 'description']);
  });

  it('say 400 for a robot that is not there, whatever is asked', async () => {
    const expected = { message: 'Could not find robot with specified username' };
    for (const [method, rest] of [
      ['GET', '/none'],
      ['DELETE', '/none'],
      ['POST', '/none/regenerate'],
      ['GET', '/none/permissions'],
    ] as const) {
      const answer = await api.call(method, robots(rest), { token: ownersToken });
      assert.deepEqual([answer.status, answer.body], [400, expected], `${method} ${rest}`);
    }
  });

  it('list tokens, teams and repositories for administrators, names for members', async () => {
    const { account: robot } = await buildRobot(api.dataSource, {
      namespace: organization,
      shortName: 'pull',
    });
    const team = await buildTeam(api.dataSource, { organization, members: [robot] });
    const repository = await buildRepository(api.dataSource, {
      namespace: organization,
      visibility: 'public',
    });
    await grant(api.dataSource, repository, robot, 'write');
    const find = async (token: string, query: string) => {
      const { body } = await api.call('GET', robots(query), { token });
      return body.robots.find(({ name }: { name: string }) => name === robot.name);
    };
    const full = await find(ownersToken, '?permissions=true');
    assert.equal(full.token.length, 64);
    assert.deepEqual([full.teams[0].name, full.repositories], [team.name, [repository.name]]);
    assert.equal('token' in (await find(ownersToken, '?token=false')), false);
    const seen = Object.keys(await find(membersToken, '?permissions=true'));
    assert.deepEqual(seen, ['name', 'created', 'last_accessed', 'description']);
    assert.equal((await api.call('GET', robots('/pull'), { token: membersToken })).status, 403);
    const permissions = await api.call('GET', robots('/pull/permissions'), { token: ownersToken });
    assert.deepEqual(permissions.body.permissions, [
      { repository: { name: repository.name, is_public: true }, role: 'write' },
    ]);
    assert.equal((await api.call('GET', robots('?limit=abc'), { token: ownersToken })).status, 400);
  });

  it('serve the own robots under both prefixes', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account, ['user:admin']);
    assert.equal((await api.call('PUT', '/user/robots/mine', { token })).status, 201);
    const listed = await api.call('GET', `/organization/${account.name}/robots`, { token });
    assert.deepEqual(
      listed.body.robots.map((one: { name: string }) => one.name),
      [`${account.name}+mine`],
    );
    assert.equal(
      (await api.call('DELETE', `/organization/${account.name}/robots/mine`, { token })).status,
      204,
    );
    assert.deepEqual((await api.call('GET', '/user/robots', { token })).body.robots, []);
  });

  it('do not let a token act beyond its scopes', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account, ['repo:admin', 'user:read']);
    assert.equal((await api.call('PUT', '/user/robots/mine', { token })).status, 403);
    assert.equal((await api.call('PUT', `/organization/${account.name}/robots/mine`, { token })).status, 403);
  });
});

describe('organization routes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  it('make an organization that belongs to the caller', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account);
    const name = `org-of-${account.name}`;
    const made = await api.call('POST', '/organization/', {
      token,
      json: { name, email: `${name}@orgs.test` },
    });
    assert.deepEqual([made.status, made.body], [201, 'Created']);
    const { body } = await api.call('GET', `/organization/${name}`, { token });
    assert.deepEqual([body.is_admin, body.is_member, body.email], [true, true, `${name}@orgs.test`]);
    assert.deepEqual(body.ordered_teams, ['owners']);
    const { role, member_count: members, can_view: canView } = body.teams.owners;
    assert.deepEqual([role, members, canView], ['admin', 1, true]);
    assert.equal(body.tag_expiration_s, 1_209_600);
    const again = await api.call('POST', '/organization/', { token, json: { name } });
    assert.deepEqual(
      [again.status, again.body.detail],
      [400, 'A user or organization with this name already exists'],
    );
    assert.equal((await api.call('POST', '/organization/', { token, json: {} })).body.field, 'name');
  });

  it('show strangers only that it exists', async () => {
    const { account: owner } = await buildUser(api.dataSource);
    const { account } = await buildOrganization(api.dataSource, {
      owner,
      email: `${owner.name}@secret.test`,
    });
    const { body } = await api.call('GET', `/organization/${account.name}`);
    assert.deepEqual(Object.keys(body), ['name', 'email', 'avatar', 'is_admin', 'is_member']);
    assert.deepEqual([body.email, body.is_admin, body.is_member], ['', false, false]);
    assert.equal((await api.call('GET', `/organization/${owner.name}`)).status, 404);
  });

  it('need user:admin of a token that makes one', async () => {
    const { account } = await buildUser(api.dataSource);
    const token = await api.tokenOf(account, ['org:admin', 'user:read']);
    assert.equal((await api.call('POST', '/organization/', { token, json: { name: 'nope' } })).status, 403);
  });
});
