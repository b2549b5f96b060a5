import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';

import { decodeJwt, decodeProtectedHeader } from 'jose';

import { mintRepositoryToken, newRobotToken } from '../../auth/tokens';
import { Account } from '../../db/entities/accounts';
import { Build } from '../../db/entities/builds';
import { AuditLog, Repository, RepositoryPermission } from '../../db/entities/repositories';
import type { BuildPhase } from '../../model/phases';
import { auditOf } from '../support/audit';
import type { BuiltUser } from '../support/factories';
import {
  buildOrganization,
  buildRepository,
  buildRobot,
  buildUser,
  grant,
  uniqueName,
} from '../support/factories';
import { buildImage, pushImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf } from '../support/registry-client';

interface TokenAnswer {
  token: string;
  access_token: string;
  expires_in: number;
  issued_at: string;
}

describe('registry tokens', () => {
  let registry: TestRegistry;
  let nowMs = Date.now();
  let owner: BuiltUser;
  let stranger: BuiltUser;

  before(async () => {
    registry = await startRegistry({ now: () => nowMs });
    owner = await buildUser(registry.dataSource, { password: 'secret' });
    stranger = await buildUser(registry.dataSource, { password: 'secret' });
  });
  after(() => registry.close());

  const clientOf = (username: string, password = 'secret') =>
    new RegistryClient(registry.url, { username, password });
  const anonymous = () => new RegistryClient(registry.url);

  /** Actions that are granted for one scope. */
  async function granted(client: RegistryClient, scope: string): Promise<string[]> {
    const response = await client.requestToken([scope]);
    assert.equal(response.status, 200);
    const { token } = (await response.json()) as TokenAnswer;
    const { access } = decodeJwt<{ access: { type: string; name: string; actions: string[] }[] }>(token);
    return access[0]?.actions ?? [];
  }

  async function repository(visibility: 'public' | 'private' = 'private'): Promise<[Repository, string]> {
    const built = await buildRepository(registry.dataSource, { namespace: owner.account, visibility });
    return [built, `${owner.account.name}/${built.name}`];
  }

  it('have the form that clients and Quay agree on', async () => {
    const response = await clientOf(owner.account.name).requestToken([], `&service=${registry.host}`);
    assert.equal(response.status, 200);
    const answer = (await response.json()) as TokenAnswer;
    assert.equal(answer.token, answer.access_token);
    assert.equal(answer.expires_in, 300);
    assert.equal(answer.issued_at, new Date(nowMs).toISOString());
    const claims = decodeJwt<{ access: unknown[]; context: Record<string, unknown> }>(answer.token);
    assert.equal(claims.aud, registry.host);
    assert.equal(claims.sub, owner.account.name);
    assert.equal((claims.exp ?? 0) - (claims.iat ?? 0), 300);
    assert.deepEqual(claims.access, []);
    assert.equal(claims.context.entity_kind, 'user');
    assert.equal(claims.context.entity_reference, owner.account.name);
    const { alg, kid } = decodeProtectedHeader(answer.token);
    assert.equal(alg, 'RS256');
    assert.ok(kid);
  });

  it('note a login, and only that, in the usage log', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const client = clientOf(account.name);
    await client.requestToken(['repository:some/where:pull']);
    await client.requestToken([]);
    const entries = await registry.dataSource.manager.findBy(AuditLog, { performerId: account.id });
    assert.deepEqual(
      entries.map((entry) => entry.kind),
      ['login_success'],
    );
  });

  it('leave logins out of the usage log, and put failures in, where the configuration says so', async () => {
    const config = { ACTION_LOG_AUDIT_LOGINS: false, ACTION_LOG_AUDIT_LOGIN_FAILURES: true };
    const other = await startRegistry({ config });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const robot = `${account.name}+ci`;
    const login = async (username: string, password: string) => {
      const response = await new RegistryClient(other.url, { username, password }).requestToken([]);
      return response.status;
    };
    assert.equal(await login(account.name, 'secret'), 200);
    assert.equal(await login(account.name, 'wrong'), 401);
    assert.equal(await login(robot, 'A'.repeat(64)), 401);
    assert.equal(await login('$app', 'A'.repeat(120)), 401);
    const entries = await auditOf(registry.dataSource, account.id);
    assert.deepEqual(
      entries.map(({ kind, performerId, metadata }) => [kind, performerId, metadata.type, metadata.kind]),
      [
        ['login_failure', null, 'v2auth', 'user'],
        ['login_failure', null, 'v2auth', 'robot'],
      ],
    );
    assert.deepEqual(
      entries.map(({ metadata }) => [metadata.username ?? metadata.robot, metadata.message]),
      [
        [account.name, 'Invalid Username or Password'],
        [robot, `Could not find robot with username: ${robot} and supplied password.`],
      ],
    );
    await other.close();
  });

  it('are refused to wrong credentials, with a reason and a challenge', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    for (const [name, password] of [
      [account.name, 'wrong'],
      ['nobody-at-all', 'secret'],
      [`${owner.account.name}+robot`, 'A'.repeat(64)],
      ['$token', 'A'.repeat(64)],
    ]) {
      const response = await clientOf(name ?? '', password).requestToken(['repository:a/b:pull']);
      assert.equal(response.status, 401);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer realm="http:/);
      assert.deepEqual(await codesOf(response), ['UNAUTHORIZED']);
    }
    const odd = await fetch(`${registry.url}/v2/auth`, { headers: { authorization: 'Basic !' } });
    assert.equal(odd.status, 401);
  });

  it('are refused to who is switched off, with the reason', async () => {
    const { dataSource } = registry;
    const { account: user } = await buildUser(dataSource, { password: 'secret', enabled: false });
    const { account: robot, token } = await buildRobot(dataSource, {
      namespace: owner.account,
      enabled: false,
    });
    const { account: namespace } = await buildOrganization(dataSource, { enabled: false });
    const orphan = await buildRobot(dataSource, { namespace });
    const closed = await startRegistry({ config: { ROBOTS_DISALLOW: true } });
    const told = async (client: RegistryClient) => {
      const response = await client.requestToken([]);
      const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
      assert.deepEqual([response.status, errors[0]?.code], [401, 'UNAUTHORIZED']);
      return errors[0]?.message;
    };
    const disabled = 'This user has been disabled. Please contact your administrator.';
    assert.equal(await told(clientOf(user.name)), disabled);
    assert.equal(await told(clientOf(robot.name, token)), disabled);
    assert.equal(await told(clientOf(orphan.account.name, orphan.token)), disabled);
    const elsewhere = new RegistryClient(closed.url, { username: robot.name, password: token });
    assert.equal(
      await told(elsewhere),
      'Robot accounts have been disabled. Please contact your administrator.',
    );
    await closed.close();
  });

  it('need credentials or a scope', async () => {
    const response = await anonymous().requestToken([]);
    assert.equal(response.status, 401);
  });

  it('grant what the caller may do and leave out the rest', async () => {
    const [built, name] = await repository();
    const all = `repository:${name}:pull,push,delete,fly`;
    assert.deepEqual(await granted(clientOf(owner.account.name), all), ['pull', 'push', 'delete']);
    assert.deepEqual(await granted(clientOf(stranger.account.name), all), []);
    assert.deepEqual(await granted(anonymous(), all), []);
    await grant(registry.dataSource, built, stranger.account, 'read');
    assert.deepEqual(await granted(clientOf(stranger.account.name), all), ['pull']);
    await registry.dataSource.manager.update(
      RepositoryPermission,
      { repositoryId: built.id },
      { role: 'write' },
    );
    const every = `repository:${name}:*`;
    assert.deepEqual(await granted(clientOf(stranger.account.name), every), ['pull', 'push', 'delete']);
    assert.deepEqual(await granted(clientOf(owner.account.name), every), ['pull', 'push', 'delete', '*']);
    await registry.dataSource.manager.update(Repository, { id: built.id }, { state: 'READ_ONLY' });
    assert.deepEqual(await granted(clientOf(owner.account.name), every), ['pull']);
  });

  it('let anybody pull what is public, and nothing more', async () => {
    const [, name] = await repository('public');
    assert.deepEqual(await granted(anonymous(), `repository:${name}:pull,push`), ['pull']);
    assert.deepEqual(await granted(anonymous(), `repository:${registry.host}/${name}:pull`), ['pull']);
  });

  it('grant a first push to who may create in the namespace', async () => {
    const { account: organization } = await buildOrganization(registry.dataSource, { owner: owner.account });
    const scope = `repository:${organization.name}/fresh:pull,push`;
    assert.deepEqual(await granted(clientOf(owner.account.name), scope), ['pull', 'push']);
    assert.deepEqual(await granted(clientOf(stranger.account.name), scope), []);
    assert.deepEqual(
      await granted(clientOf(owner.account.name), 'repository:no-such-namespace/x:pull,push'),
      [],
    );
  });

  it('come for several scopes, in one parameter or many', async () => {
    const [, one] = await repository();
    const [, two] = await repository();
    const scopes = [
      `repository:${one}:pull repository:${two}:push`,
      'registry:catalog:*',
      `repository:${one}/sub:pull`,
    ];
    const response = await clientOf(owner.account.name).requestToken(scopes);
    const { token } = (await response.json()) as TokenAnswer;
    const { access } = decodeJwt<{ access: { name: string; actions: string[] }[] }>(token);
    assert.deepEqual(
      access.map(({ name, actions }) => [name, actions]),
      [
        [one, ['pull']],
        [two, ['push']],
        [`${one}/sub`, ['pull']],
      ],
    );
  });

  it('are refused for scopes that are none, names that are none, and other services', async () => {
    const client = clientOf(owner.account.name);
    for (const [scope, code] of [
      ['repository:a/b', 'INVALID_REQUEST'],
      ['nonsense', 'INVALID_REQUEST'],
      ['repository::pull', 'INVALID_REQUEST'],
      ['repository:A/b:pull', 'NAME_INVALID'],
    ]) {
      const response = await client.requestToken([scope ?? '']);
      assert.equal(response.status, 400, scope);
      assert.deepEqual(await codesOf(response), [code]);
    }
    const elsewhere = await client.requestToken([], '&service=other.test');
    assert.equal(elsewhere.status, 400);
    assert.equal(
      (await fetch(`${registry.url}/v2/auth`, { method: 'POST', body: 'grant_type=password' })).status,
      405,
    );
  });

  it('are asked for by a challenge that names the scope', async () => {
    const response = await fetch(`${registry.url}/v2/acme/app/manifests/latest`);
    assert.equal(response.status, 401);
    assert.equal(
      response.headers.get('www-authenticate'),
      `Bearer realm="http://${registry.host}/v2/auth",service="${registry.host}",scope="repository:acme/app:pull"`,
    );
    const push = await fetch(`${registry.url}/v2/acme/app/blobs/uploads/`, { method: 'POST' });
    assert.match(push.headers.get('www-authenticate') ?? '', /scope="repository:acme\/app:pull,push"$/);
    const bare = await fetch(`${registry.url}/v2/`);
    assert.equal(bare.status, 401);
    assert.doesNotMatch(bare.headers.get('www-authenticate') ?? '', /scope/);
  });

  it('that are invalid, expired or for other repositories say so in the challenge', async () => {
    const [, name] = await repository();
    const client = clientOf(owner.account.name);
    const path = `/v2/${name}/tags/list`;
    const forged = await fetch(`${registry.url}${path}`, { headers: { authorization: 'Bearer a.b.c' } });
    assert.match(forged.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    const narrow = await client.call('GET', path, { scope: `repository:${name}-other:pull` });
    assert.equal(narrow.status, 401);
    assert.match(narrow.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/);
    await client.expect(200, 'GET', path);
    nowMs += 400_000;
    const late = await client.call('GET', path);
    assert.equal(late.status, 401);
    assert.match(late.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  it('of nobody reach public repositories only', async () => {
    const [, secret] = await repository();
    const [, open] = await repository('public');
    await pushImage(clientOf(owner.account.name), open, buildImage(), 'v1');
    await anonymous().expect(200, 'GET', `/v2/${open}/manifests/v1`);
    assert.equal((await anonymous().call('GET', `/v2/${secret}/manifests/v1`)).status, 401);
    assert.equal((await anonymous().call('POST', `/v2/${open}/blobs/uploads/`)).status, 401);
    assert.equal((await clientOf(stranger.account.name).call('GET', `/v2/${secret}/tags/list`)).status, 401);
  });

  it('of a robot end for writes at once, for reads within 30 s, when its secret is made anew', async () => {
    const [built, name] = await repository();
    const robot = await buildRobot(registry.dataSource, { namespace: owner.account });
    await grant(registry.dataSource, built, robot.account, 'write');
    const client = clientOf(robot.account.name, robot.token);
    await pushImage(client, name, buildImage(), 'v1');
    await client.expect(200, 'GET', `/v2/${name}/manifests/v1`);
    const changed = await registry.dataSource.manager.findOneByOrFail(Account, { id: robot.account.id });
    changed.robotToken = newRobotToken();
    await registry.dataSource.manager.save(changed);
    const write = await client.call('POST', `/v2/${name}/blobs/uploads/`);
    assert.equal(write.status, 401);
    assert.match(write.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    nowMs += 30_000;
    const read = await client.call('GET', `/v2/${name}/manifests/v1`);
    assert.equal(read.status, 401);
    assert.match(read.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  it('lose what the permission is taken for: writes at once, reads within 30 s', async () => {
    const [built, name] = await repository();
    await grant(registry.dataSource, built, stranger.account, 'write');
    const client = clientOf(stranger.account.name);
    await pushImage(client, name, buildImage(), 'v1');
    await client.expect(200, 'GET', `/v2/${name}/tags/list`);
    await registry.dataSource.manager.delete(RepositoryPermission, { repositoryId: built.id });
    const write = await putManifest(client, name, buildImage().body, 'v2');
    assert.equal(write.status, 401);
    assert.match(write.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/);
    nowMs += 30_000;
    assert.equal((await client.call('GET', `/v2/${name}/tags/list`)).status, 401);
  });

  it('cannot write to a repository that is read-only, or to a disabled namespace', async () => {
    const [built, name] = await repository();
    const client = clientOf(owner.account.name);
    await client.pushBlob(name, 'while it was normal');
    await registry.dataSource.manager.update(Repository, { id: built.id }, { state: 'READ_ONLY' });
    const response = await client.call('POST', `/v2/${name}/blobs/uploads/`);
    assert.equal(response.status, 405);
    assert.deepEqual(await codesOf(response), ['DENIED']);
    const other = await buildUser(registry.dataSource, { password: 'secret' });
    const theirs = clientOf(other.account.name);
    await theirs.pushBlob(`${other.account.name}/app`, 'while it was enabled');
    await registry.dataSource.manager.update(Account, { id: other.account.id }, { enabled: false });
    const disabled = await theirs.call('POST', `/v2/${other.account.name}/app/blobs/uploads/`);
    assert.equal(disabled.status, 401);
  });

  describe('of a build', () => {
    async function running(phase: BuildPhase = 'pushing'): Promise<[Build, RegistryClient, string]> {
      const [built, name] = await repository();
      const { manager } = registry.dataSource;
      const uuid = randomUUID();
      const build = await manager.save(
        manager.create(Build, {
          ...{ uuid, repositoryId: built.id, phase, displayName: 'abc', dockerTags: ['main'], context: '/' },
          ...{ dockerfilePath: '/Dockerfile', triggerMetadata: {}, status: {}, createdAtMs: nowMs },
        }),
      );
      const { password } = await mintRepositoryToken(manager, {
        repositoryId: built.id,
        kind: 'build',
        role: 'write',
        friendlyName: `build ${uniqueName('b')}`,
        buildUuid: uuid,
        nowMs,
      });
      return [build, clientOf('$token', password), name];
    }

    it('push to their repository only, and the build knows what', async () => {
      const [build, client, name] = await running();
      const image = buildImage({ layers: ['built'] });
      assert.equal((await pushImage(client, name, image, 'main')).status, 201);
      const after = await registry.dataSource.manager.findOneByOrFail(Build, { id: build.id });
      assert.equal(after.manifestDigest, image.digest);
      const [, elsewhere] = await repository();
      assert.deepEqual(await granted(client, `repository:${elsewhere}:pull,push`), []);
    });

    it('cannot land anything once the build is over, even with a token from before', async () => {
      const [build, client, name] = await running();
      const image = buildImage({ layers: ['too late'] });
      await client.pushBlob(name, 'too late');
      await client.pushBlob(name, image.config.text);
      await registry.dataSource.manager.update(Build, { id: build.id }, { phase: 'cancelled' });
      const response = await putManifest(client, name, image.body, 'main');
      assert.equal(response.status, 403);
      assert.deepEqual(await codesOf(response), ['DENIED']);
      assert.equal((await client.call('POST', `/v2/${name}/blobs/uploads/`)).status, 401);
      await clientOf(owner.account.name).expect(404, 'HEAD', `/v2/${name}/manifests/main`);
    });
  });

  it('are not given for more scopes than anybody needs, each of which is a query', async () => {
    const scopes = Array.from({ length: 101 }, (_, n) => `repository:some/where${n}:pull`);
    const response = await new RegistryClient(registry.url).requestToken([scopes.join(' ')]);
    assert.deepEqual([response.status, await codesOf(response)], [400, ['INVALID_REQUEST']]);
  });
});
