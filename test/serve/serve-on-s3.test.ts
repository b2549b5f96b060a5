import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { Upload } from '../../db/entities/content';
import { eventually } from '../support/eventually';
import { buildUser, uniqueName } from '../support/factories';
import { needGoProgram } from '../support/go-program';
import { buildImage, OCI_MANIFEST, pushImage } from '../support/images';
import { freePort } from '../support/processes';
import { RegistryClient, sha256 } from '../support/registry-client';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';
import type { S3Server, TestBucket } from '../support/versitygw';
import { startS3Server, VERSITYGW } from '../support/versitygw';

const MIB = 1024 ** 2;

describe('serve on S3 storage', function () {
  this.timeout(120_000);
  let server: S3Server;
  let bucket: TestBucket;
  let serves: ServeProcesses;
  let clients: [RegistryClient, RegistryClient];
  let repository: string;

  before(async function () {
    server = await startS3Server(await needGoProgram(this, VERSITYGW));
    bucket = await server.newBucket();
    serves = await startServeProcesses(2, {
      SERVER_HOSTNAME: `127.0.0.1:${await freePort()}`,
      ...bucket.config,
    });
    const { account } = await buildUser(serves.dataSource, { password: 'secret' });
    const [first, second] = serves.ports.map(
      (port) =>
        new RegistryClient(`http://127.0.0.1:${port}`, { username: account.name, password: 'secret' }),
    );
    assert.ok(first && second);
    clients = [first, second];
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(async () => {
    await serves?.dispose();
    await server?.stop();
  });

  it('takes a push at one process and gives the image at the other', async () => {
    const image = buildImage({ layers: [randomBytes(18 * MIB), randomBytes(100)] });
    const [first, second] = clients;
    assert.equal((await pushImage(first, repository, image, 'latest')).status, 201);
    const answer = await second.expect(200, 'GET', `/v2/${repository}/manifests/latest`, {
      headers: { accept: OCI_MANIFEST },
    });
    assert.equal(answer.headers.get('docker-content-digest'), image.digest);
    for (const { digest } of [...image.layers, image.config]) {
      const pulled = await second.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
      assert.equal(sha256(Buffer.from(await pulled.arrayBuffer())), digest);
    }
  });

  it('lets an upload go on at another process when its own was killed in the middle of a body', async () => {
    const bytes = randomBytes(30 * MIB);
    const [first, second] = clients;
    const started = await first.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    const location = started.headers.get('location') ?? '';
    const uuid = started.headers.get('docker-upload-uuid') ?? '';
    await first.expect(202, 'PATCH', location, { body: bytes.subarray(0, 10 * MIB) });
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(bytes.subarray(10 * MIB, 28 * MIB)),
    });
    const cut = assert.rejects(first.call('PATCH', location, { body: endless }));
    const { manager } = serves.dataSource;
    await eventually(async () => {
      const { leaseUntilMs } = await manager.findOneByOrFail(Upload, { uuid });
      assert.notEqual(leaseUntilMs, null);
    });
    await serves.stop(0, 'SIGKILL');
    await cut;
    // As if its lease had run out.
    await manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    const status = await second.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), `0-${10 * MIB - 1}`);
    const rest = { body: bytes.subarray(10 * MIB) };
    const digest = sha256(bytes);
    await second.expect(201, 'PUT', `${location}?digest=${digest}`, rest);
    const pulled = await second.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
    assert.equal(sha256(Buffer.from(await pulled.arrayBuffer())), digest);
    assert.deepEqual(await bucket.openMultiparts(), []);
    assert.ok(!(await bucket.keys()).some((key) => key.startsWith('uploads/')));
  });
});
