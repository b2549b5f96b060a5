import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { AuditLog } from '../../db/entities/repositories';
import { eventually } from '../support/eventually';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, OCI_MANIFEST, pushImage } from '../support/images';
import type { Nginx } from '../support/nginx';
import { ask, nginxIsMissing, startNginx } from '../support/nginx';
import { freePort } from '../support/processes';
import { RegistryClient, sha256 } from '../support/registry-client';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';

const MIB = 1024 * 1024;

describe('nginx as it is shipped', function () {
  this.timeout(120_000);

  before(function () {
    const missing = nginxIsMissing();
    if (missing) {
      console.log(`    skipped: ${missing}`);
      this.skip();
    }
  });

  describe('in front of two serve', () => {
    let serves: ServeProcesses;
    let nginx: Nginx;
    let client: RegistryClient;
    let credentials: { username: string; password: string };
    let repository: string;

    before(async () => {
      const port = await freePort();
      serves = await startServeProcesses(2, {
        SERVER_HOSTNAME: `127.0.0.1:${port}`,
        TRUSTED_PROXY_NETWORKS: ['127.0.0.1'],
      });
      nginx = await startNginx({ port, servers: serves.ports, storagePath: serves.storagePath });
      const { account } = await buildUser(serves.dataSource, { password: 'secret' });
      credentials = { username: account.name, password: 'secret' };
      client = new RegistryClient(nginx.url, credentials);
      repository = `${account.name}/${uniqueName('app')}`;
    });
    after(async () => {
      await nginx?.stop();
      await serves?.dispose();
    });

    /** Which of the two answered the requests of this kind. */
    function serversOf(pattern: RegExp): Set<string> {
      const lines = nginx
        .accessLog()
        .split('\n')
        .filter((line) => pattern.test(line));
      return new Set(lines.map((line) => line.split(' ').pop() ?? ''));
    }

    it('sends clients for tokens to the name they know', async () => {
      const { status, headers } = await ask(`${nginx.url}/v2/`);
      assert.equal(status, 401);
      assert.ok(headers['www-authenticate']?.includes(`realm="${nginx.url}/v2/auth"`));
    });

    it('takes a push and gives the image back', async () => {
      const image = buildImage({ layers: [randomBytes(3 * MIB)] });
      await pushImage(client, repository, image, 'latest');
      const answer = await client.expect(200, 'GET', `/v2/${repository}/manifests/latest`, {
        headers: { accept: OCI_MANIFEST },
      });
      assert.equal(answer.headers.get('docker-content-digest'), image.digest);
      for (const { digest, bytes } of image.layers) {
        const pulled = await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
        assert.ok(Buffer.from(await pulled.arrayBuffer()).equals(bytes));
      }
    });

    it('lets an upload go on at whichever serve its next chunk comes to', async () => {
      const chunks = Array.from({ length: 8 }, () => randomBytes(MIB));
      let answer = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
      const uuid = answer.headers.get('docker-upload-uuid') ?? '';
      let sent = 0;
      for (const chunk of chunks) {
        answer = await client.expect(202, 'PATCH', answer.headers.get('location') ?? '', {
          body: chunk,
          headers: { 'content-range': `${sent}-${sent + chunk.length - 1}` },
        });
        sent += chunk.length;
        assert.equal(answer.headers.get('range'), `0-${sent - 1}`);
      }
      const whole = Buffer.concat(chunks);
      const location = answer.headers.get('location') ?? '';
      const glue = location.includes('?') ? '&' : '?';
      await client.expect(201, 'PUT', `${location}${glue}digest=${sha256(whole)}`);
      const pulled = await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(whole)}`);
      assert.equal(sha256(Buffer.from(await pulled.arrayBuffer())), sha256(whole));
      await eventually(() => assert.equal(serversOf(new RegExp(`PATCH .*${uuid}`)).size, 2));
    });

    it('passes 100 MiB in one request without keeping them on its disk', async () => {
      const piece = randomBytes(MIB);
      const hash = createHash('sha256');
      for (let count = 0; count < 100; count += 1) hash.update(piece);
      const digest = `sha256:${hash.digest('hex')}`;
      let spooled: string[] = [];
      const body = new ReadableStream({
        pull: (() => {
          let count = 0;
          return (controller: ReadableStreamDefaultController) => {
            if (count % 10 === 5) spooled = [...spooled, ...nginx.spooledFiles()];
            if ((count += 1) > 100) controller.close();
            else controller.enqueue(piece);
          };
        })(),
      });
      const started = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
      const location = started.headers.get('location') ?? '';
      const glue = location.includes('?') ? '&' : '?';
      await client.expect(201, 'PUT', `${location}${glue}digest=${digest}`, { body });
      const pulled = await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
      const again = createHash('sha256');
      for await (const chunk of pulled.body ?? []) again.update(chunk as Uint8Array);
      assert.equal(`sha256:${again.digest('hex')}`, digest);
      assert.deepEqual([...spooled, ...nginx.spooledFiles()], []);
    });

    it('tells serve the address of the client, not what the client claims', async () => {
      const login = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
      const { status } = await ask(`${nginx.url}/v2/auth?service=127.0.0.1:${nginx.port}`, {
        localAddress: '127.0.0.2',
        headers: { authorization: `Basic ${login}`, 'x-forwarded-for': '198.51.100.1' },
      });
      assert.equal(status, 200);
      const { ip } = await serves.dataSource.manager.findOneByOrFail(AuditLog, { kind: 'login_success' });
      assert.equal(ip, '127.0.0.2');
    });

    it('goes on with the other serve when one is killed', async () => {
      const digest = await client.pushBlob(repository, randomBytes(1000));
      await serves.stop(0, 'SIGKILL');
      for (let count = 0; count < 10; count += 1) {
        await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
      }
      await serves.start(0);
    });
  });
});
