import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { Blob } from '../../db/entities/content';
import { EMPTY_LAYER } from '../../registry/blobs/empty-layer';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, pushImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

describe('blobs', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: string;

  before(async () => {
    registry = await startRegistry();
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(() => registry.close());

  const blob = (digest: string) => `/v2/${repository}/blobs/${digest}`;

  it('gives back what was pushed, with the digest that was asked for', async () => {
    const bytes = randomBytes(200_000);
    const digest = await client.pushBlob(repository, bytes);
    const response = await client.expect(200, 'GET', blob(digest));
    assert.equal(response.headers.get('docker-content-digest'), digest);
    assert.equal(response.headers.get('content-length'), '200000');
    assert.equal(response.headers.get('content-type'), 'application/octet-stream');
    assert.equal(response.headers.get('docker-distribution-api-version'), 'registry/2.0');
    assert.match(response.headers.get('cache-control') ?? '', /^private, max-age=\d+, immutable$/);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  });

  it('answers HEAD with the headers of GET', async () => {
    const digest = await client.pushBlob(repository, 'head of it');
    const response = await client.expect(200, 'HEAD', blob(digest));
    assert.equal(response.headers.get('content-length'), '10');
    assert.equal(response.headers.get('docker-content-digest'), digest);
    assert.equal(await response.text(), '');
  });

  it('stores a blob without any byte', async () => {
    const digest = await client.pushBlob(repository, '');
    const response = await client.expect(200, 'GET', blob(digest));
    assert.equal(response.headers.get('content-length'), '0');
  });

  for (const size of [3_000, 100_000]) {
    it(`is not served when its file of ${size} bytes was cut short, until it is pushed again`, async () => {
      const bytes = randomBytes(size);
      const digest = await client.pushBlob(repository, bytes);
      const { storageKey } = await registry.dataSource.manager.findOneByOrFail(Blob, { digest });
      await truncate(join(registry.storagePath, storageKey), size - 1000);
      for (const range of [undefined, 'bytes=0-99', `bytes=${size - 500}-`]) {
        const response = await client.call('GET', blob(digest), {
          headers: range === undefined ? {} : { range },
        });
        assert.deepEqual([response.status, await codesOf(response)], [404, ['BLOB_UNKNOWN']]);
      }
      await client.pushBlob(repository, bytes);
      const response = await client.expect(200, 'GET', blob(digest));
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
    });

    it(`serves ranges of a blob of ${size} bytes`, async () => {
      const bytes = randomBytes(size);
      const digest = await client.pushBlob(repository, bytes);
      const cases = [
        { range: 'bytes=500-1499', from: 500, to: 1499 },
        { range: 'bytes=500-', from: 500, to: size - 1 },
        { range: 'bytes=-500', from: size - 500, to: size - 1 },
        { range: `bytes=2000-${size * 2}`, from: 2000, to: size - 1 },
      ];
      for (const { range, from, to } of cases) {
        const response = await client.expect(206, 'GET', blob(digest), { headers: { range } });
        assert.equal(response.headers.get('content-range'), `bytes ${from}-${to}/${size}`);
        assert.equal(response.headers.get('content-length'), String(to - from + 1));
        assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes.subarray(from, to + 1));
      }
    });
  }

  it('answers 416 to a range outside of the blob', async () => {
    const digest = await client.pushBlob(repository, randomBytes(3_000));
    for (const range of ['bytes=500-0', 'bytes=5000-10000', 'bytes=3000-', 'bytes=-0']) {
      const response = await client.expect(416, 'GET', blob(digest), { headers: { range } });
      assert.equal(response.headers.get('content-range'), 'bytes */3000');
    }
  });

  it('gives the whole blob for several ranges or another unit', async () => {
    const digest = await client.pushBlob(repository, randomBytes(3_000));
    for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=-']) {
      await client.expect(200, 'GET', blob(digest), { headers: { range } });
    }
  });

  it('answers 304 to who has it already', async () => {
    const digest = await client.pushBlob(repository, 'known');
    const headers = { 'if-none-match': `"other", "${digest}"` };
    const response = await client.expect(304, 'GET', blob(digest), { headers });
    assert.equal(await response.text(), '');
  });

  it('does not know a digest that nobody pushed, nor one of another repository', async () => {
    const missing = await client.call('GET', blob(sha256('never pushed')));
    assert.equal(missing.status, 404);
    assert.deepEqual(await codesOf(missing), ['BLOB_UNKNOWN']);
    const elsewhere = repository.replace('/app', '/other');
    const digest = await client.pushBlob(elsewhere, 'of another repository');
    await client.expect(404, 'HEAD', blob(digest));
  });

  it('refuses what is not a digest', async () => {
    for (const reference of ['sha256:abc', `md5:${'a'.repeat(32)}`, `sha256:${'A'.repeat(64)}`]) {
      const response = await client.call('GET', blob(reference));
      assert.equal(response.status, 400);
      assert.deepEqual(await codesOf(response), ['DIGEST_INVALID']);
    }
  });

  it("has Docker's empty layer everywhere", async () => {
    assert.equal(sha256(EMPTY_LAYER.bytes), EMPTY_LAYER.digest);
    await client.pushBlob(repository, 'so that the repository is there');
    const response = await client.expect(200, 'GET', blob(EMPTY_LAYER.digest));
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), EMPTY_LAYER.bytes);
  });

  it('forgets a blob that was deleted, at once, and only here', async () => {
    const elsewhere = `${repository}-copy`;
    const digest = await client.pushBlob(repository, 'to be deleted');
    await client.pushBlob(elsewhere, 'to be deleted');
    await client.expect(202, 'DELETE', blob(digest));
    await client.expect(404, 'HEAD', blob(digest));
    await client.expect(404, 'DELETE', blob(digest));
    await client.expect(200, 'HEAD', `/v2/${elsewhere}/blobs/${digest}`);
  });

  it('refuses to delete a blob that a manifest names, until that is deleted', async () => {
    const image = buildImage({ layers: ['held by a manifest'] });
    assert.equal((await pushImage(client, repository, image, 'held')).status, 201);
    const layer = image.layers[0]?.digest ?? '';
    const refused = await client.call('DELETE', blob(layer));
    assert.equal(refused.status, 405);
    assert.deepEqual(await codesOf(refused), ['UNSUPPORTED']);
    await client.expect(202, 'DELETE', `/v2/${repository}/manifests/${image.digest}`);
    await client.expect(202, 'DELETE', blob(layer));
    await client.expect(404, 'HEAD', blob(layer));
  });

  it('tells who is about to push to upload the empty layer as well, so that a manifest finds it', async () => {
    await client.pushBlob(repository, 'so that the repository is there');
    const puller = { scope: `repository:${repository}:pull` };
    await client.expect(200, 'HEAD', blob(EMPTY_LAYER.digest), puller);
    await client.expect(404, 'HEAD', blob(EMPTY_LAYER.digest));
    await client.pushBlob(repository, EMPTY_LAYER.bytes);
    await client.expect(200, 'HEAD', blob(EMPTY_LAYER.digest));
  });
});
