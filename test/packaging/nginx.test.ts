import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, RequestOptions, Server } from 'node:http';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { AuditLog } from '../../db/entities/repositories';
import { eventually } from '../support/eventually';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, OCI_MANIFEST, pushImage } from '../support/images';
import type { Nginx } from '../support/nginx';
import { nginxIsMissing, startNginx } from '../support/nginx';
import { freePort } from '../support/processes';
import { RegistryClient, sha256 } from '../support/registry-client';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';

const MIB = 1024 * 1024;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (response) => {
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    call.once('error', reject);
    call.end();
  });
}

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

  describe('with a pull that serve hands over', () => {
    const hex = 'ab'.repeat(32);
    const content = randomBytes(2 * MIB);
    const digest = sha256(content);
    let storagePath: string;
    let upstream: Server;
    let nginx: Nginx;

    before(async () => {
      storagePath = mkdtempSync(join(tmpdir(), 'slw-handoff-'));
      mkdirSync(join(storagePath, 'sha256', 'ab'), { recursive: true });
      mkdirSync(join(storagePath, 'uploads'));
      writeFileSync(join(storagePath, 'sha256', 'ab', `${hex}.1`), content);
      writeFileSync(join(storagePath, 'uploads', 'secret.1'), 'half an upload');
      // Hands over whatever the path names in hex.
      upstream = createServer((incoming, response) => {
        response
          .writeHead(200, {
            'x-accel-redirect': Buffer.from(incoming.url?.slice(1) ?? '', 'hex').toString(),
            'content-type': 'application/octet-stream',
            'docker-content-digest': digest,
            etag: `"${digest}"`,
            'cache-control': 'private, max-age=31536000, immutable',
          })
          .end();
      });
      await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
      nginx = await startNginx({ servers: [(upstream.address() as AddressInfo).port], storagePath });
    });
    after(async () => {
      await nginx?.stop();
      upstream?.close();
      rmSync(storagePath, { recursive: true, force: true });
    });

    const blob = `/_blobs/sha256/ab/${hex}.1`;
    const handOver = (path: string, options?: RequestOptions) =>
      ask(`${nginx.url}/${Buffer.from(path).toString('hex')}`, options);

    it('sends the file with the headers that belong to the blob', async () => {
      const { status, headers, body } = await handOver(blob);
      assert.equal(status, 200);
      assert.ok(body.equals(content));
      assert.equal(headers['content-length'], String(content.length));
      assert.equal(headers['docker-content-digest'], digest);
      assert.equal(headers.etag, `"${digest}"`);
      assert.equal(headers['content-type'], 'application/octet-stream');
      assert.equal(headers['cache-control'], 'private, max-age=31536000, immutable');
      assert.equal(headers['accept-ranges'], 'bytes');
      assert.equal(headers['last-modified'], undefined);
      assert.equal(headers['x-accel-redirect'], undefined);
    });

    it('sends a range of it', async () => {
      const { status, headers, body } = await handOver(blob, { headers: { range: 'bytes=100-199' } });
      assert.equal(status, 206);
      assert.equal(headers['content-range'], `bytes 100-199/${content.length}`);
      assert.ok(body.equals(content.subarray(100, 200)));
    });

    it('answers HEAD without the bytes', async () => {
      const { status, headers, body } = await handOver(blob, { method: 'HEAD' });
      assert.equal(status, 200);
      assert.equal(headers['content-length'], String(content.length));
      assert.equal(body.length, 0);
    });

    it('refuses everybody who asks for the file directly', async () => {
      for (const path of [blob, '/_blobs/', '/_blobs/uploads/secret.1', '//_blobs/sha256', `/x/..${blob}`]) {
        const { status, body } = await ask(`${nginx.url}${path}`);
        assert.equal(status, 404, path);
        assert.ok(!body.includes(content.subarray(0, 64)), path);
      }
    });

    it('hands over nothing but blobs', async () => {
      for (const path of [
        '/_blobs/uploads/secret.1',
        '/_blobs/sha256/../uploads/secret.1',
        '/_blobs/sha256/ab/',
        `/_blobs/sha256/ab/${'cd'.repeat(32)}.1`,
      ]) {
        const { status, body } = await handOver(path);
        assert.equal(status, 404, path);
        assert.ok(!body.includes('half an upload'), path);
      }
    });
  });
});
