import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { RequestOptions, Server } from 'node:http';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { Blob } from '../../db/entities/content';
import { buildUser, uniqueName } from '../support/factories';
import type { Answer, Nginx } from '../support/nginx';
import { ask, nginxIsMissing, startNginx } from '../support/nginx';
import { freePort } from '../support/processes';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';

const MIB = 1024 * 1024;

describe('blobs that nginx sends, as it is shipped,', function () {
  this.timeout(120_000);

  before(function () {
    const missing = nginxIsMissing();
    if (missing) {
      console.log(`    skipped: ${missing}`);
      this.skip();
    }
  });

  describe('in front of a serve that hands blobs over', () => {
    const content = randomBytes(20 * MIB);
    let serves: ServeProcesses;
    let nginx: Nginx;
    let client: RegistryClient;
    let repository: string;
    let digest: string;
    let path: string;

    before(async () => {
      const port = await freePort();
      serves = await startServeProcesses(1, {
        SERVER_HOSTNAME: `127.0.0.1:${port}`,
        TRUSTED_PROXY_NETWORKS: ['127.0.0.1'],
        BLOB_HANDOFF_LOCATION: '/_blobs/',
      });
      const storagePath = join(serves.storagePath, 'storage');
      nginx = await startNginx({ port, servers: serves.ports, storagePath });
      const { account } = await buildUser(serves.dataSource, { password: 'secret' });
      client = new RegistryClient(nginx.url, { username: account.name, password: 'secret' });
      repository = `${account.name}/${uniqueName('app')}`;
      digest = await client.pushBlob(repository, content);
      path = `/v2/${repository}/blobs/${digest}`;
    });
    after(async () => {
      await nginx?.stop();
      await serves?.dispose();
    });

    async function pull(url: string, options: RequestOptions = {}): Promise<Answer> {
      const token = await client.token(`repository:${repository}:pull,push`);
      const headers = { ...options.headers, authorization: `Bearer ${token}` };
      return ask(url + path, { ...options, headers });
    }

    const offer = { 'x-sendfile-type': 'X-Accel-Redirect' };
    const direct = () => `http://127.0.0.1:${serves.ports[0]}`;

    it('gives the same bytes and headers as serve itself, and never the name of the file', async () => {
      const ours = await pull(nginx.url);
      const theirs = await pull(direct());
      for (const { status, headers, body } of [ours, theirs]) {
        assert.deepEqual([status, sha256(body)], [200, digest]);
        assert.equal(headers['x-accel-redirect'], undefined);
      }
      const told = ({ headers }: Answer) =>
        [
          'content-type',
          'content-length',
          'docker-content-digest',
          'docker-distribution-api-version',
          'etag',
          'cache-control',
          'accept-ranges',
          'last-modified',
        ].map((name) => headers[name]);
      assert.deepEqual(told(ours), told(theirs));
    });

    it('gives the same ranges, HEAD and 304 as serve itself', async () => {
      const asked: RequestOptions[] = [
        'bytes=0-0',
        'bytes=1000-1999',
        `bytes=${content.length - 5}-`,
        'bytes=-7',
        `bytes=${content.length - 3}-${2 * content.length}`,
        `bytes=-${2 * content.length}`,
        'bytes=0-1,5-6',
        'bytes=5-2',
        'bytes=x-y',
        'lines=1-2',
        `bytes=${content.length}-`,
      ].map((range) => ({ headers: { range } }));
      asked.push({ method: 'HEAD' }, { method: 'HEAD', headers: { range: 'bytes=5-9' } });
      asked.push({ headers: { 'if-none-match': `"${digest}"` } });
      for (const options of asked) {
        const [ours, theirs] = [await pull(nginx.url, options), await pull(direct(), options)];
        const told = ({ status, headers, body }: Answer) => [
          status,
          headers['content-range'],
          headers['content-length'],
          sha256(body),
        ];
        assert.deepEqual(told(ours), told(theirs), JSON.stringify(options));
      }
    });

    it('lets no byte of a blob pass through serve: a pull goes on when serve dies', async () => {
      const token = await client.token(`repository:${repository}:pull,push`);
      const received = await new Promise<Buffer>((resolve, reject) => {
        const call = request(
          nginx.url + path,
          { headers: { authorization: `Bearer ${token}` } },
          (response) => {
            serves.stop(0, 'SIGKILL').then(() => buffer(response).then(resolve, reject), reject);
          },
        );
        call.once('error', reject);
        call.end();
      });
      assert.equal(sha256(received), digest);
      await serves.start(0);
    });

    it('asks for permission first', async () => {
      const { status, body } = await ask(nginx.url + path);
      assert.equal(status, 401);
      assert.ok(body.length < 1000);
      const { account } = await buildUser(serves.dataSource, { password: 'secret' });
      const stranger = new RegistryClient(nginx.url, { username: account.name, password: 'secret' });
      await stranger.expect(401, 'GET', path);
      const { storageKey } = await serves.dataSource.manager.findOneByOrFail(Blob, { digest });
      assert.equal((await ask(`${nginx.url}/_blobs/${storageKey}`)).status, 404);
    });

    it('sends the bytes to everybody who came around the proxy', async () => {
      const asked: [what: string, options: RequestOptions][] = [
        ['a trusted address that is no proxy', {}],
        ['another address that says it were one', { localAddress: '127.0.0.2', headers: offer }],
        [
          'one that also claims to be forwarded by a proxy',
          { localAddress: '127.0.0.2', headers: { ...offer, 'x-forwarded-for': '127.0.0.1' } },
        ],
      ];
      for (const [what, options] of asked) {
        const { status, headers, body } = await pull(direct(), options);
        assert.equal(headers['x-accel-redirect'], undefined, what);
        assert.deepEqual([status, sha256(body)], [200, digest], what);
      }
      const proxy = await pull(direct(), { headers: offer });
      assert.match(
        String(proxy.headers['x-accel-redirect']),
        /^\/_blobs\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}\.\d+$/,
      );
      assert.equal(proxy.body.length, 0);
    });

    it('tells that bytes are missing or cut short as serve does, and sends small blobs through it', async () => {
      const lost = await client.pushBlob(repository, randomBytes(MIB));
      const { storageKey } = await serves.dataSource.manager.findOneByOrFail(Blob, { digest: lost });
      const file = join(serves.storagePath, 'storage', storageKey);
      for (const damage of [() => truncateSync(file, MIB - 1), () => rmSync(file)]) {
        damage();
        const answer = await client.expect(404, 'GET', `/v2/${repository}/blobs/${lost}`);
        assert.deepEqual(await codesOf(answer), ['BLOB_UNKNOWN']);
      }
      const small = await client.pushBlob(repository, 'small');
      const token = await client.token(`repository:${repository}:pull,push`);
      const headers = { ...offer, authorization: `Bearer ${token}` };
      const { body } = await ask(`${direct()}/v2/${repository}/blobs/${small}`, { headers });
      assert.equal(body.toString(), 'small');
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
