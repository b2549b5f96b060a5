import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Build } from '../../db/entities/builds';
import { Blob, Upload } from '../../db/entities/content';
import { emptyDatabase } from '../support/database';
import { dockerHost, dockerIsMissing, importShell } from '../support/docker';
import { eventually } from '../support/eventually';
import { needGoProgram } from '../support/go-program';
import { freePort } from '../support/processes';
import type { Product } from '../support/product';
import { startProduct } from '../support/product';
import type { Project } from '../support/project';
import { baseImage, createProject } from '../support/project';
import { RegistryClient, sha256 } from '../support/registry-client';
import { hasSkopeo } from '../support/skopeo';
import type { OwnTemporal } from '../support/temporal';
import { ownTemporal } from '../support/temporal';
import type { S3Server, TestBucket } from '../support/versitygw';
import { startS3Server, VERSITYGW } from '../support/versitygw';

const run = promisify(execFile);
const MIB = 1024 ** 2;

/** Pulls go straight to the bucket, but for one `serve` that passes them through. */
describe('the product on S3 storage', function () {
  this.timeout(300_000);
  let server: S3Server;
  let bucket: TestBucket;
  let temporal: OwnTemporal;
  let made: Product;
  let project: Project;
  let client: RegistryClient;

  before(async function () {
    const missing = dockerIsMissing();
    if (missing) {
      console.log(`    skipped: ${missing}`);
      return this.skip();
    }
    server = await startS3Server(await needGoProgram(this, VERSITYGW));
    bucket = await server.newBucket();
    const home = mkdtempSync(join(tmpdir(), 'slipway-product-s3-'));
    temporal = await ownTemporal();
    made = await startProduct({
      home,
      temporal,
      databaseUrl: await emptyDatabase(),
      dockerHost: await dockerHost(),
      config: { ...bucket.config, FEATURE_PROXY_STORAGE: false },
    });
    const base = await baseImage(made, importShell);
    project = await createProject(made);
    writeFileSync(join(project.source.work, 'large'), randomBytes(18 * MIB));
    await project.push({
      Dockerfile: `FROM ${base}\nCOPY large /large\nCOPY vendor/ /usr/lib/python3/dist-packages/\nRUN head -c 5 /large > /five\n`,
      'vendor/idna-3.6.dist-info/METADATA': 'Metadata-Version: 2.1\nName: idna\nVersion: 3.6\n',
    });
    const { name, password } = project.owner;
    client = new RegistryClient(made.base, { username: name, password });
  });
  after(async () => {
    await project?.dispose();
    await made?.dispose();
    await temporal?.dispose();
    await server?.stop();
  });

  it('builds into the bucket, keeps the log there, and scans from there', async () => {
    const { id } = await project.waitFor(['complete']);
    const { logObjectKey } = await eventually(async () => {
      const build = await made.dataSource.manager.findOneByOrFail(Build, { uuid: id });
      assert.ok(build.logObjectKey);
      return build;
    });
    assert.ok((await bucket.keys()).includes(logObjectKey ?? ''));
    assert.ok((await project.logs(id)).some(({ message }) => message === 'complete'));
    const path = `/repository/${project.path}/manifest/${await digestOfTag()}/security?vulnerabilities=true`;
    await eventually(async () => {
      const { body } = await project.owner.call<SecurityReport>('GET', path);
      assert.equal(body.status, 'scanned');
      assert.ok(body.data?.Layer.Features.some(({ Name }) => Name === 'idna'));
    }, 60_000);
    assert.deepEqual(readdirSync(join(made.home, 'storage')), []);
  });

  it('gives clients the same bytes, from the bucket or through serve', async function () {
    if (!hasSkopeo()) {
      console.log('      skopeo is not installed here');
      return this.skip();
    }
    const port = await freePort();
    const through = await made.another('serve', { LISTEN_PORT: port, FEATURE_PROXY_STORAGE: true });
    try {
      for (const host of [made.host, `127.0.0.1:${port}`]) {
        const folder = mkdtempSync(join(made.home, 'pulled-'));
        const { name, password } = project.owner;
        const image = `docker://${host}/${project.path}:main`;
        const flags = [
          '--insecure-policy',
          'copy',
          '--src-tls-verify=false',
          `--src-creds=${name}:${password}`,
        ];
        await run('skopeo', [...flags, image, `dir:${folder}`]);
        const manifest = readFileSync(join(folder, 'manifest.json'));
        assert.equal(sha256(manifest), await digestOfTag());
        const { layers } = JSON.parse(manifest.toString()) as { layers: { digest: string; size: number }[] };
        assert.ok(layers.some(({ size }) => size > 16 * MIB));
        for (const { digest } of layers) {
          assert.equal(sha256(readFileSync(join(folder, digest.slice('sha256:'.length)))), digest);
        }
      }
    } finally {
      await through.stop();
    }
  });

  it('removes an abandoned upload with its parts', async () => {
    const started = await client.expect(202, 'POST', `/v2/${project.path}/blobs/uploads/`);
    const location = started.headers.get('location') ?? '';
    const uuid = started.headers.get('docker-upload-uuid') ?? '';
    await client.expect(202, 'PATCH', location, { body: randomBytes(9 * MIB) });
    assert.deepEqual(await bucket.openMultiparts(), [`blobs/${uuid}.1`]);
    await made.dataSource.manager.update(Upload, { uuid }, { expiresAtMs: Date.now() - 1 });
    await temporal.client.schedule.getHandle('maintenance:purge-expired').trigger();
    await eventually(async () => {
      assert.deepEqual(await bucket.openMultiparts(), []);
      assert.equal(await made.dataSource.manager.countBy(Upload, { uuid }), 0);
    }, 60_000);
    assert.ok(!(await bucket.keys()).some((key) => key.includes(uuid)));
  });

  it('finds nothing wrong with itself, and what is wrong when something is', async () => {
    const clean = await fsck();
    assert.deepEqual([clean.status, clean.lines.at(-1)?.isClean], [0, true]);
    assert.ok(Number(clean.lines.at(-1)?.hashedBytes) > 18 * MIB);
    const lost = await client.pushBlob(project.path, randomBytes(MIB));
    const { storageKey } = await made.dataSource.manager.findOneByOrFail(Blob, { digest: lost });
    await bucket.remove(storageKey);
    const { status, lines } = await fsck();
    assert.equal(status, 1);
    assert.deepEqual(
      lines.slice(0, -1).map(({ kind, subject, digest }) => [kind, subject, digest]),
      [['missing', 'blob', lost]],
    );
  });

  async function fsck(): Promise<{ status: number; lines: Record<string, unknown>[] }> {
    const cli = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
    const env = { ...process.env, SLIPWAY_CONFIG: join(made.home, 'config.yaml') };
    const told = await run(process.execPath, [cli, 'fsck', '--deep', '--json'], { env }).then(
      ({ stdout }) => ({ status: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ status: code, stdout }),
    );
    const lines = told.stdout.trim().split('\n');
    return { status: told.status, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
  }

  async function digestOfTag(): Promise<string> {
    const path = `/repository/${project.path}/tag/?onlyActiveTags=true&specificTag=main`;
    const { body } = await project.owner.call<{ tags: { manifest_digest: string }[] }>('GET', path);
    return body.tags[0]?.manifest_digest ?? '';
  }
});

interface SecurityReport {
  status: string;
  data: { Layer: { Features: { Name: string }[] } } | null;
}
