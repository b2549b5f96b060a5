import { strict as assert } from 'node:assert';

import { decodeJwt } from 'jose';

import type { Scope } from '../../auth/identity';
import { SYSTEM } from '../../commands/act';
import { createOauthToken } from '../../commands/accounts/create-oauth-token';
import { Account, Team, TeamMember } from '../../db/entities/accounts';
import { auditOf } from '../support/audit';
import type { BuiltUser } from '../support/factories';
import { buildRobot, buildUser, uniqueName } from '../support/factories';
import { buildImage, pushImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient } from '../support/registry-client';

describe('a push into a namespace that nobody has', () => {
  let registry: TestRegistry;
  let user: BuiltUser;

  before(async () => {
    registry = await startRegistry({ config: { CREATE_NAMESPACE_ON_PUSH: true } });
    user = await buildUser(registry.dataSource, { password: 'secret' });
  });
  after(() => registry.close());

  const clientOf = (username: string, password: string) =>
    new RegistryClient(registry.url, { username, password });
  const person = () => clientOf(user.account.name, 'secret');

  async function bearer(scopes: Scope[]): Promise<RegistryClient> {
    const deps = { dataSource: registry.dataSource, now: Date.now };
    const input = { accountId: user.account.id, title: 't', scopes, lifetimeMs: 60_000 };
    return clientOf('$oauthtoken', (await createOauthToken(deps, SYSTEM, input)).token);
  }

  async function granted(client: RegistryClient, scope: string): Promise<string[]> {
    const { access } = decodeJwt<{ access: { actions: string[] }[] }>(await client.token(scope));
    return access[0]?.actions ?? [];
  }

  const exists = (name: string) => registry.dataSource.manager.existsBy(Account, { name });

  it('makes it an organization of the pusher, once for all layers that come together', async () => {
    const { manager } = registry.dataSource;
    const name = uniqueName('fresh');
    const client = person();
    const repository = `${name}/team/app`;
    assert.deepEqual(await granted(client, `repository:${repository}:pull,push`), ['pull', 'push']);
    assert.equal((await client.call('HEAD', `/v2/${repository}/blobs/sha256:${'a'.repeat(64)}`)).status, 404);
    assert.equal(await exists(name), false);
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((layer) => client.pushBlob(repository, layer)));
    await pushImage(client, repository, buildImage(), 'v1');
    const organization = await manager.findOneByOrFail(Account, { name });
    assert.equal(organization.kind, 'organization');
    const [owners, ...others] = await manager.findBy(Team, { organizationId: organization.id });
    assert.deepEqual([owners?.name, owners?.role, others.length], ['owners', 'admin', 0]);
    const members = await manager.findBy(TeamMember, { teamId: owners?.id });
    assert.deepEqual(
      members.map((member) => member.accountId),
      [user.account.id],
    );
    const entries = await auditOf(registry.dataSource, organization.id);
    assert.deepEqual(
      entries.map(({ kind, performerId }) => [kind, performerId]),
      [
        ['org_create', user.account.id],
        ['create_repo', user.account.id],
        ['push_repo', user.account.id],
      ],
    );
  });

  it('is granted to people, and to tokens that may administer their user', async () => {
    const scope = `repository:${uniqueName('fresh')}/app:pull,push`;
    const robot = await buildRobot(registry.dataSource, { namespace: user.account });
    assert.deepEqual(await granted(await bearer(['user:admin', 'org:admin', 'repo:admin']), scope), [
      'pull',
      'push',
    ]);
    for (const client of [
      await bearer(['repo:admin', 'repo:create', 'org:admin']),
      await bearer(['user:admin', 'repo:admin']),
      clientOf(robot.account.name, robot.token),
      new RegistryClient(registry.url),
    ]) {
      assert.deepEqual(await granted(client, scope), []);
    }
  });

  it('is refused to the rest, and makes nothing', async () => {
    const name = uniqueName('fresh');
    const robot = await buildRobot(registry.dataSource, { namespace: user.account });
    const client = clientOf(robot.account.name, robot.token);
    assert.equal((await client.call('POST', `/v2/${name}/app/blobs/uploads/`)).status, 401);
    assert.equal((await client.call('GET', `/v2/${name}/app/tags/list`)).status, 401);
    assert.equal(await exists(name), false);
  });

  it('is refused to everybody by default', async () => {
    const closed = await startRegistry();
    const { username, password } = { username: user.account.name, password: 'secret' };
    const client = new RegistryClient(closed.url, { username, password });
    const name = uniqueName('fresh');
    assert.deepEqual(await granted(client, `repository:${name}/app:pull,push`), []);
    assert.equal((await client.call('POST', `/v2/${name}/app/blobs/uploads/`)).status, 401);
    assert.equal(await exists(name), false);
    await closed.close();
  });
});
