import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { newRobotToken } from '../../auth/tokens';
import { Account, OauthToken, Session } from '../../db/entities/accounts';
import { Upload } from '../../db/entities/content';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { eventually } from '../support/eventually';
import { buildRobot, buildUser, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { codesOf, RegistryClient, sha256 } from '../support/registry-client';

const MINUTE_MS = 60_000;

describe('credentials that end in the middle of something', () => {
  let registry: TestRegistry;
  let api: TestApi;
  let nowMs = Date.now();
  let owner: Account;
  let repository: string;

  before(async () => {
    registry = await startRegistry({ now: () => nowMs });
    api = await startApi({ deps: { now: () => nowMs } });
  });
  after(async () => {
    await api.close();
    await registry.close();
  });
  beforeEach(async () => {
    owner = (await buildUser(registry.dataSource, { password: 'secret' })).account;
    repository = `${owner.name}/${uniqueName('app')}`;
  });

  const clientOf = (username: string, password: string) =>
    new RegistryClient(registry.url, { username, password });

  async function start(client: RegistryClient): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  /** Sends half of a body, does something once the server has begun with it, and sends the rest. */
  function sendAround(
    client: RegistryClient,
    location: string,
    bytes: Buffer,
    meanwhile: () => Promise<void>,
  ): Promise<Response> {
    const uuid = location.split('/').at(-1);
    const half = bytes.length / 2;
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(bytes.subarray(0, half));
        await eventually(async () => {
          const row = await registry.dataSource.manager.findOneByOrFail(Upload, { uuid });
          assert.notEqual(row.leaseUntilMs, null);
        });
        await meanwhile();
        controller.enqueue(bytes.subarray(half));
        controller.close();
      },
    });
    return client.call('PUT', `${location}?digest=${sha256(bytes)}`, { body });
  }

  it('let one body end that lasts longer than its token, and ask for a new one at the next request', async () => {
    const client = clientOf(owner.name, 'secret');
    const bytes = randomBytes(200_000);
    const answer = await sendAround(client, await start(client), bytes, async () => {
      nowMs += 20 * MINUTE_MS;
      return Promise.resolve();
    });
    assert.equal(answer.status, 201);
    const next = await client.call('POST', `/v2/${repository}/blobs/uploads/`);
    assert.equal(next.status, 401);
    const challenge = next.headers.get('www-authenticate') ?? '';
    assert.match(challenge, new RegExp(`scope="repository:${repository}:pull,push",error="invalid_token"`));
    const { errors } = (await next.json()) as { errors: { message: string }[] };
    assert.equal(errors[0]?.message, 'the token is invalid or has expired');
    client.forgetTokens();
    await client.expect(200, 'HEAD', `/v2/${repository}/blobs/${sha256(bytes)}`);
  });

  it('let a push in chunks go on where it was, with a new token', async () => {
    const client = clientOf(owner.name, 'secret');
    const location = await start(client);
    await client.expect(202, 'PATCH', location, { body: 'one ' });
    nowMs += 20 * MINUTE_MS;
    assert.equal((await client.call('PATCH', location, { body: 'two' })).status, 401);
    client.forgetTokens();
    await client.expect(202, 'PATCH', location, { body: 'two' });
    await client.expect(201, 'PUT', `${location}?digest=${sha256('one two')}`);
  });

  it('stop a body whose robot got a new password meanwhile, and nothing of it is stored', async () => {
    const { account: robot, token } = await buildRobot(registry.dataSource, { namespace: owner });
    const own = clientOf(owner.name, 'secret');
    await own.pushBlob(repository, 'makes the repository');
    await registry.dataSource.query(
      `INSERT INTO repository_permission (repository_id, account_id, role)
       SELECT r.id, ?, 'write' FROM repository r JOIN account n ON n.id = r.namespace_id
        WHERE CONCAT(n.name, '/', r.name) = ?`,
      [robot.id, repository],
    );
    const client = clientOf(robot.name, token);
    const bytes = randomBytes(200_000);
    const answer = await sendAround(client, await start(client), bytes, async () => {
      await registry.dataSource.manager.save(Account, { id: robot.id, robotToken: newRobotToken() });
    });
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    assert.deepEqual(await codesOf(answer), ['UNAUTHORIZED']);
    await own.expect(404, 'HEAD', `/v2/${repository}/blobs/${sha256(bytes)}`);
  });

  it('are told as what they are: a bearer token of the API', async () => {
    const token = await api.tokenOf(owner);
    assert.equal((await api.call('GET', '/user/', { token })).status, 200);
    await registry.dataSource.manager.update(
      OauthToken,
      { accountId: owner.id },
      { expiresAtMs: nowMs - 1000 },
    );
    const refused = await api.call('GET', '/user/', { token });
    assert.equal(refused.status, 401);
    assert.match(JSON.stringify(refused.body), /invalid_token/);
    const asPassword = await clientOf('$oauthtoken', token).requestToken(['repository:a/b:pull']);
    assert.equal(asPassword.status, 401);
    assert.match(await asPassword.text(), /OAuth access token has expired/);
  });

  it('are told as what they are: the session of a browser', async () => {
    const browser = api.browser();
    assert.equal((await browser.signIn(owner.name, 'secret')).status, 200);
    assert.equal((await browser.call('GET', '/user/')).status, 200);
    await registry.dataSource.manager.update(Session, { accountId: owner.id }, { expiresAtMs: nowMs - 1000 });
    const refused = await browser.call('GET', '/user/');
    assert.equal(refused.status, 401);
    assert.match(JSON.stringify(refused.body), /invalid_token/);
  });
});
