import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { Blob, Upload } from '../../db/entities/content';
import { eventually } from '../support/eventually';
import { buildUser, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

describe('uploads', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: string;

  before(async () => {
    registry = await startRegistry({ config: { MAXIMUM_LAYER_SIZE_BYTES: 2_000_000 } });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(() => registry.close());

  async function start(): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  const chunk = (bytes: Buffer, from: number) => ({
    body: bytes,
    headers: { 'content-range': `${from}-${from + bytes.length - 1}` },
  });

  /** What lies in the folder of sessions for one of them. */
  const filesOf = (location: string) =>
    readdirSync(join(registry.storagePath, 'uploads')).filter((name) =>
      name.startsWith(location.split('/').at(-1) ?? ''),
    );

  it('opens a session at a path-only address with an empty range', async () => {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    const uuid = response.headers.get('docker-upload-uuid') ?? '';
    assert.equal(response.headers.get('location'), `/v2/${repository}/blobs/uploads/${uuid}`);
    assert.equal(response.headers.get('range'), '0-0');
  });

  it('takes a whole blob with the POST', async () => {
    const bytes = randomBytes(70_000);
    const digest = sha256(bytes);
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    const response = await client.expect(201, 'POST', path, { body: bytes });
    assert.equal(response.headers.get('location'), `/v2/${repository}/blobs/${digest}`);
    assert.equal(response.headers.get('docker-content-digest'), digest);
    await client.expect(200, 'HEAD', `/v2/${repository}/blobs/${digest}`);
  });

  it('appends chunks in order and tells how far it got', async () => {
    const bytes = randomBytes(9_000);
    const location = await start();
    const first = await client.expect(202, 'PATCH', location, chunk(bytes.subarray(0, 4000), 0));
    assert.equal(first.headers.get('range'), '0-3999');
    const status = await client.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), '0-3999');
    assert.equal(status.headers.get('location'), location);
    await client.expect(202, 'PATCH', location, chunk(bytes.subarray(4000, 8000), 4000));
    const last = chunk(bytes.subarray(8000), 8000);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, last);
    const stored = await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
    assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
  });

  it('takes a body of unknown length', async () => {
    const bytes = randomBytes(300_000);
    const location = await start();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 50_000) controller.enqueue(bytes.subarray(at, at + 50_000));
        controller.close();
      },
    });
    const patched = await client.expect(202, 'PATCH', location, { body });
    assert.equal(patched.headers.get('range'), '0-299999');
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
  });

  it('refuses chunks out of order with 416, also one from the beginning again, and goes on afterwards', async () => {
    const bytes = randomBytes(6_000);
    const location = await start();
    await client.expect(202, 'PATCH', location, chunk(bytes.subarray(0, 3000), 0));
    const wrong = [
      chunk(bytes.subarray(4000), 4000),
      chunk(bytes.subarray(0, 3000), 0),
      chunk(bytes.subarray(2000), 2000),
    ];
    for (const options of wrong) {
      const response = await client.expect(416, 'PATCH', location, options);
      assert.equal(response.headers.get('range'), '0-2999');
      assert.equal(response.headers.get('location'), location);
      const put = await client.call('PUT', `${location}?digest=${sha256(bytes)}`, options);
      assert.equal(put.status, 416);
    }
    const last = chunk(bytes.subarray(3000), 3000);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, last);
  });

  it('refuses a Content-Range that is none or does not fit the body', async () => {
    const location = await start();
    for (const [range, code] of [
      ['bytes=0-3', 'INVALID_REQUEST'],
      ['0-', 'INVALID_REQUEST'],
      ['0-99', 'SIZE_INVALID'],
      ['3-1', 'SIZE_INVALID'],
    ]) {
      const headers = { 'content-range': range ?? '' };
      const response = await client.call('PATCH', location, { body: 'four', headers });
      assert.equal(response.status, 400, range);
      assert.deepEqual(await codesOf(response), [code]);
    }
    await client.expect(202, 'PATCH', location, { body: 'four' });
  });

  it('takes a chunk of unknown length that does not fit its range for one that never came', async () => {
    const bytes = randomBytes(300);
    const location = await start();
    await client.expect(202, 'PATCH', location, chunk(bytes.subarray(0, 100), 0));
    for (const range of ['100-198', '100-200', '100-999']) {
      const body = new globalThis.Blob([bytes.subarray(100, 200)]).stream();
      const response = await client.call('PATCH', location, { body, headers: { 'content-range': range } });
      assert.deepEqual([response.status, await codesOf(response)], [400, ['SIZE_INVALID']], range);
      const status = await client.expect(204, 'GET', location);
      assert.equal(status.headers.get('range'), '0-99');
    }
    const rest = {
      body: new globalThis.Blob([bytes.subarray(100)]).stream(),
      headers: { 'content-range': '100-299' },
    };
    await client.expect(202, 'PATCH', location, rest);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
  });

  it('knows a session by its own id only, not by what the database takes for the same', async () => {
    const location = await start();
    for (const alias of [`${location}%20`, location.replace(/[^/]+$/, (id) => id.toUpperCase())]) {
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        assert.equal((await client.call(method, alias)).status, 404, `${method} ${alias}`);
      }
    }
    await client.expect(204, 'GET', location);
  });

  it('looks at the range of a whole blob before it makes anything for it', async () => {
    const fresh = `${repository.split('/')[0]}/${uniqueName('fresh')}`;
    const path = `/v2/${fresh}/blobs/uploads/?digest=${sha256('layer')}`;
    for (const [range, status] of [
      ['1-5', 416],
      ['0-9', 400],
      ['x', 400],
    ] as const) {
      const headers = { 'content-range': range };
      assert.equal((await client.call('POST', path, { body: 'layer', headers })).status, status, range);
    }
    await client.expect(404, 'GET', `/v2/${fresh}/tags/list`);
    await client.expect(201, 'POST', path, { body: 'layer', headers: { 'content-range': '0-4' } });
  });

  it('ends a session whose digest does not fit, without a trace', async () => {
    const location = await start();
    const response = await client.call('PUT', `${location}?digest=${sha256('announced')}`, { body: 'sent' });
    assert.equal(response.status, 400);
    assert.deepEqual(await codesOf(response), ['DIGEST_INVALID']);
    await client.expect(404, 'GET', location);
    await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${sha256('sent')}`);
    assert.deepEqual(filesOf(location), []);
  });

  it('refuses a POST with a wrong, malformed or unknown digest', async () => {
    const path = (digest: string) => `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    for (const digest of [sha256('announced'), 'sha256:short', `md5:${'a'.repeat(32)}`]) {
      const response = await client.call('POST', path(digest), { body: 'sent' });
      assert.equal(response.status, 400);
      assert.deepEqual(await codesOf(response), ['DIGEST_INVALID']);
    }
  });

  it('keeps the session when the final PUT lacks its digest', async () => {
    const location = await start();
    await client.expect(202, 'PATCH', location, { body: 'abc' });
    const response = await client.call('PUT', location);
    assert.equal(response.status, 400);
    assert.deepEqual(await codesOf(response), ['BLOB_UPLOAD_INVALID']);
    await client.expect(201, 'PUT', `${location}?digest=${sha256('abc')}`);
  });

  it('takes sha512 although it is announced only at the end', async () => {
    const bytes = randomBytes(5_000);
    const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
    const location = await start();
    await client.expect(202, 'PATCH', location, { body: bytes.subarray(0, 2000) });
    const url = `${location}?digest=${digest}`;
    const response = await client.expect(201, 'PUT', url, { body: bytes.subarray(2000) });
    assert.equal(response.headers.get('docker-content-digest'), digest);
    const head = await client.expect(200, 'HEAD', `/v2/${repository}/blobs/${digest}`);
    assert.equal(head.headers.get('docker-content-digest'), digest);
  });

  it('cancels', async () => {
    const location = await start();
    await client.expect(202, 'PATCH', location, { body: 'to be dropped' });
    assert.equal(filesOf(location).length, 1);
    await client.expect(204, 'DELETE', location);
    assert.deepEqual(filesOf(location), []);
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const response = await client.call(method, location);
      assert.equal(response.status, 404);
      assert.deepEqual(await codesOf(response), ['BLOB_UPLOAD_UNKNOWN']);
    }
  });

  it('does not know a session through another repository', async () => {
    const location = await start();
    const elsewhere = repository.replace('/app', '/other');
    await client.pushBlob(elsewhere, 'so that it is there');
    await client.expect(404, 'GET', location.replace(repository, elsewhere));
    await client.expect(404, 'PATCH', location.replace(repository, elsewhere), { body: 'x' });
    await client.expect(204, 'GET', location);
  });

  it('refuses a blob over the limit with 413 and keeps serving', async () => {
    const location = await start();
    const response = await client.call('PATCH', location, { body: Buffer.alloc(2_000_001) });
    assert.equal(response.status, 413);
    assert.deepEqual(await codesOf(response), ['BLOB_UPLOAD_INVALID']);
    await client.expect(204, 'GET', location);
  });

  it('goes on after a client that broke off in the middle of a body', async () => {
    const bytes = randomBytes(500_000);
    const location = await start();
    const token = await client.token(`repository:${repository}:pull,push`);
    const broken = request(new URL(location, registry.url), {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-length': String(bytes.length) },
    });
    broken.on('error', () => undefined);
    broken.write(bytes.subarray(0, 300_000));
    await eventually(() => assert.equal(filesOf(location).length, 1));
    broken.destroy();
    const status = await eventually(async () => {
      const answer = await client.expect(204, 'GET', location);
      assert.notEqual(answer.headers.get('range'), '0-0');
      return answer;
    });
    const received = Number(status.headers.get('range')?.split('-')[1]) + 1;
    const rest = chunk(bytes.subarray(received), received);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, rest);
    const stored = await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
    assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
  });

  it('lets a client send its body only once it is allowed to', async () => {
    const location = await start();
    const ask = (authorization: string) => {
      const waiting = request(new URL(location, registry.url), {
        method: 'PATCH',
        headers: { authorization, expect: '100-continue', 'content-length': '4' },
      });
      waiting.flushHeaders();
      return waiting;
    };
    const refused = ask('Bearer nonsense');
    const [answer] = (await once(refused, 'response')) as [{ statusCode: number }];
    assert.equal(answer.statusCode, 401);
    refused.destroy();
    const allowed = ask(`Bearer ${await client.token(`repository:${repository}:pull,push`)}`);
    await once(allowed, 'continue');
    allowed.end('four');
    const [accepted] = (await once(allowed, 'response')) as [{ statusCode: number; resume(): void }];
    assert.equal(accepted.statusCode, 202);
    accepted.resume();
  });

  it('stores a blob once, whoever pushes it how often', async () => {
    const bytes = randomBytes(40_000);
    const digest = sha256(bytes);
    const names = Array.from({ length: 12 }, () => `${repository}-${uniqueName('many')}`);
    await Promise.all(names.map((name) => client.pushBlob(name, bytes)));
    const rows = await registry.dataSource.manager.findBy(Blob, { digest });
    assert.equal(rows.length, 1);
    const folder = join(registry.storagePath, 'sha256', digest.slice(7, 9));
    const files = readdirSync(folder).filter((name) => name.startsWith(digest.slice(7)));
    assert.deepEqual(files, [rows[0]?.storageKey.split('/').at(-1)]);
    for (const name of names) await client.expect(200, 'HEAD', `/v2/${name}/blobs/${digest}`);
  });

  it('writes bytes anew when those of a known digest are gone from storage', async () => {
    const bytes = randomBytes(90_000);
    const digest = await client.pushBlob(repository, bytes);
    const { manager } = registry.dataSource;
    const before = await manager.findOneByOrFail(Blob, { digest });
    rmSync(join(registry.storagePath, before.storageKey));
    await client.expect(404, 'GET', `/v2/${repository}/blobs/${digest}`);
    await client.pushBlob(repository, bytes);
    const after = await manager.findOneByOrFail(Blob, { digest });
    assert.notEqual(after.storageKey, before.storageKey);
    assert.ok(existsSync(join(registry.storagePath, after.storageKey)));
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
  });

  it('writes bytes under a new key when garbage collection is deleting the old ones', async () => {
    const digest = await client.pushBlob(repository, 'condemned');
    const { manager } = registry.dataSource;
    const before = await manager.findOneByOrFail(Blob, { digest });
    await manager.update(Blob, { digest }, { state: 'deleting' });
    await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${digest}`);
    await client.pushBlob(repository, 'condemned');
    const after = await manager.findOneByOrFail(Blob, { digest });
    assert.equal(after.state, 'live');
    assert.notEqual(after.storageKey, before.storageKey);
  });

  it('takes a blob that garbage collection has in view back into use', async () => {
    const digest = await client.pushBlob(repository, 'candidate');
    const { manager } = registry.dataSource;
    await manager.update(Blob, { digest }, { state: 'candidate' });
    await client.expect(200, 'HEAD', `/v2/${repository}/blobs/${digest}`);
    assert.equal((await manager.findOneByOrFail(Blob, { digest })).state, 'live');
  });

  it('leaves no session behind a finished upload', async () => {
    const location = await start();
    await client.expect(201, 'PUT', `${location}?digest=${sha256('finished')}`, { body: 'finished' });
    const uuid = location.split('/').at(-1) ?? '';
    assert.equal(await registry.dataSource.manager.countBy(Upload, { uuid }), 0);
    assert.deepEqual(filesOf(location), []);
    await client.expect(404, 'GET', location);
  });

  it('does not acknowledge a chunk whose session was cancelled while it streamed', async () => {
    const location = await start();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const patch = client.call('PATCH', location, { body: readable });
    await writer.write(Buffer.from('half of it'));
    const uuid = location.split('/').at(-1) ?? '';
    await eventually(async () => {
      const { leaseUntilMs } = await registry.dataSource.manager.findOneByOrFail(Upload, { uuid });
      assert.notEqual(leaseUntilMs, null);
    });
    await client.expect(204, 'DELETE', location);
    await writer.close();
    assert.equal((await patch).status, 404);
  });

  it('keeps nothing of a whole blob in one POST that failed, as nobody knows its session', async () => {
    const sessions = () => readdirSync(join(registry.storagePath, 'uploads')).length;
    const [rows, files] = [await registry.dataSource.manager.count(Upload), sessions()];
    const path = `/v2/${repository}/blobs/uploads/?digest=${sha256('other')}`;
    await client.expect(413, 'POST', path, { body: Buffer.alloc(2_000_001) });
    assert.deepEqual([await registry.dataSource.manager.count(Upload), sessions()], [rows, files]);
  });
});
