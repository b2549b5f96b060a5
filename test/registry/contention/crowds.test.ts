import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Account } from '../../../db/entities/accounts';
import { Blob, Manifest, Tag, Upload } from '../../../db/entities/content';
import { buildOrganization, buildUser, uniqueName } from '../../support/factories';
import { buildImage, pushImage, putManifest } from '../../support/images';
import { RegistryClient, sha256 } from '../../support/registry-client';
import type { ServeProcesses } from '../../support/serve-processes';
import { startServeProcesses } from '../../support/serve-processes';

const CROWD = 50;
const PULLS = 500;

/** performance spec 11.5, and what the protocol promises to each of many. */
describe('a crowd of clients of two processes', function () {
  this.timeout(120_000);

  let product: ServeProcesses;
  let owner: Account;
  /** Client n goes to process n modulo 2. */
  let crowd: RegistryClient[];

  before(async () => {
    product = await startServeProcesses(2);
    ({ account: owner } = await buildUser(product.dataSource, { password: 'secret' }));
    crowd = clientsFor(CROWD);
  });
  after(() => product.dispose());

  function clientsFor(count: number): RegistryClient[] {
    const urls = product.ports.map((port) => `http://127.0.0.1:${port}`);
    const credentials = { username: owner.name, password: 'secret' };
    return Array.from({ length: count }, (_, n) => new RegistryClient(urls[n % 2] ?? '', credentials));
  }

  /** What storage holds for a digest, and what is left of sessions. */
  function filesOf(digest: string): string[] {
    const folder = join(product.storagePath, 'storage');
    const names = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    return names.filter(
      (name) => name.includes(digest.slice('sha256:'.length)) || name.startsWith('uploads'),
    );
  }

  async function pushInChunks(client: RegistryClient, other: RegistryClient, name: string, bytes: Buffer) {
    const started = await client.expect(202, 'POST', `/v2/${name}/blobs/uploads/`);
    const location = started.headers.get('location') ?? '';
    await other.expect(202, 'PATCH', location, { body: bytes.subarray(0, 1000) });
    const rest = { body: bytes.subarray(1000) };
    return client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, rest);
  }

  it('that pushes one blob leaves one row and one file, in whatever repository and manner', async () => {
    const bytes = Buffer.alloc(200_000, uniqueName('contended'));
    const digest = sha256(bytes);
    const shared = `${owner.name}/${uniqueName('shared')}`;
    await Promise.all(
      crowd.map((client, n) => {
        const name = n % 3 === 0 ? shared : `${owner.name}/${uniqueName('own')}`;
        const other = crowd[(n + 1) % CROWD] ?? client;
        if (n % 2 === 0) return pushInChunks(client, other, name, bytes);
        return client.expect(201, 'POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes });
      }),
    );
    const { manager } = product.dataSource;
    const rows = await manager.findBy(Blob, { digest });
    assert.deepEqual(
      rows.map(({ state, sizeBytes }) => ({ state, sizeBytes })),
      [{ state: 'live', sizeBytes: bytes.length }],
    );
    assert.deepEqual(filesOf(digest), [rows[0]?.storageKey]);
    assert.equal(await manager.count(Upload), 0);
    for (const client of crowd.slice(0, 2)) {
      const stored = await client.expect(200, 'GET', `/v2/${shared}/blobs/${digest}`);
      assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
    }
  });

  it('that pushes one tag leaves one live lifetime and a history without a gap', async () => {
    const repository = `${owner.name}/${uniqueName('tags')}`;
    const images = crowd.map((_, n) => buildImage({ layers: [], annotations: { n: String(n) } }));
    await crowd[0]?.pushBlob(repository, images[0]?.config.text ?? '');
    const answers = await Promise.all(
      crowd.map((client, n) => putManifest(client, repository, images[n]?.body ?? '', 'contended')),
    );
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]));
    const where = { name: 'contended' };
    const history = await product.dataSource.manager.find(Tag, { where, order: { id: 'ASC' } });
    assert.equal(new Set(history.map((row) => row.digest)).size, CROWD);
    assert.deepEqual(
      history.map((row) => row.isCurrent),
      [...Array<null>(CROWD - 1).fill(null), true],
    );
    for (const [at, row] of history.entries()) {
      assert.equal(row.lifetimeEndMs, history[at + 1]?.lifetimeStartMs ?? null);
    }
    for (const client of crowd) {
      const head = await client.expect(200, 'HEAD', `/v2/${repository}/manifests/contended`);
      assert.equal(head.headers.get('docker-content-digest'), history.at(-1)?.digest);
    }
  });

  it('that pushes one image under one tag leaves one manifest and one lifetime', async () => {
    const repository = `${owner.name}/${uniqueName('same')}`;
    const image = buildImage({ layers: [uniqueName('layer'), uniqueName('layer')] });
    const answers = await Promise.all(crowd.map((client) => pushImage(client, repository, image, 'same')));
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]));
    const { manager } = product.dataSource;
    assert.equal(await manager.countBy(Manifest, { digest: image.digest }), 1);
    assert.equal(await manager.countBy(Tag, { name: 'same' }), 1);
  });

  it('that pushes images into one namespace, each its own repository, is served without an error', async () => {
    const { account: organization } = await buildOrganization(product.dataSource, { owner });
    const answers = await Promise.all(
      crowd.map((client, n) => {
        const image = buildImage({ layers: [`${organization.name} ${n}`, 'shared by all'] });
        return pushImage(client, `${organization.name}/${uniqueName('app')}`, image, 'latest');
      }),
    );
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]));
  });

  it(`of ${PULLS} that pulls one image at once gets it whole`, async () => {
    const repository = `${owner.name}/${uniqueName('pulled')}`;
    const image = buildImage({ layers: [Buffer.alloc(70_000, 'a'), Buffer.alloc(500, 'b')] });
    const [pusher] = crowd;
    if (pusher) await pushImage(pusher, repository, image, 'latest');
    const pull = async (client: RegistryClient): Promise<string[]> => {
      const manifest = await client.expect(200, 'GET', `/v2/${repository}/manifests/latest`);
      const bodies = [Buffer.from(await manifest.arrayBuffer())];
      for (const digest of [image.config.digest, ...image.layers.map((layer) => layer.digest)]) {
        const blob = await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
        bodies.push(Buffer.from(await blob.arrayBuffer()));
      }
      return bodies.map((body) => sha256(body));
    };
    const expected = [image.digest, image.config.digest, ...image.layers.map((layer) => layer.digest)];
    const pulled = await Promise.all(
      // A token each would be 500 passwords to check, which is another test.
      Array.from({ length: PULLS }, (_, n) => pull(crowd[n % CROWD] ?? clientsFor(1)[0]!)),
    );
    for (const digests of pulled) assert.deepEqual(digests, expected);
  });
});
