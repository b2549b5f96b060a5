import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import type Docker from 'dockerode';
import type { ImageInspectInfo } from 'dockerode';

import { docker } from '../support/docker';
import { eventually } from '../support/eventually';
import { uniqueName } from '../support/factories';
import { buildImage, OCI_MANIFEST, pushImage } from '../support/images';
import type { ProductContainers } from '../support/product-containers';
import { startContainers } from '../support/product-containers';
import { BUILD_ARGS, imageIsMissing, PRODUCT_IMAGE, productImage } from '../support/product-image';
import { RegistryClient } from '../support/registry-client';

const ROLES = ['serve', 'relay', 'worker', 'builder'] as const;

describe('the container image', function () {
  this.timeout(300_000);
  let engine: Docker;
  let containers: ProductContainers;

  before(async function () {
    const missing = imageIsMissing();
    if (missing) {
      console.log(`    skipped: ${missing}`);
      this.skip();
    }
    this.timeout(600_000);
    await productImage();
    engine = await docker();
    containers = await startContainers();
  });
  after(() => containers?.dispose());

  const inspect = (): Promise<ImageInspectInfo> => engine.getImage(PRODUCT_IMAGE).inspect();

  it('says what it is and what it was made from', async () => {
    const { Labels } = (await inspect()).Config;
    assert.deepEqual(
      Object.fromEntries(
        ['title', 'version', 'revision', 'created', 'source', 'licenses'].map((name) => [
          name,
          Labels[`org.opencontainers.image.${name}`],
        ]),
      ),
      {
        title: 'Slipway',
        version: BUILD_ARGS.VERSION,
        revision: BUILD_ARGS.REVISION,
        created: BUILD_ARGS.CREATED,
        source: BUILD_ARGS.SOURCE,
        licenses: 'Apache-2.0',
      },
    );
  });

  it('runs as a user of its own, and can end', async () => {
    const { User, StopSignal, Entrypoint } = (await inspect()).Config as ImageInspectInfo['Config'] & {
      StopSignal: string;
    };
    assert.deepEqual([User, StopSignal, Entrypoint], ['10001:10001', 'SIGTERM', ['slipway']]);
    const { output } = await containers.run(['-c', 'id -u; id -g; git --version; ssh -V 2>&1'], {
      entrypoint: 'sh',
    });
    assert.match(output, /^10001\n10001\ngit version .*\nOpenSSH/);
  });

  it('holds only what runs', async () => {
    const { output } = await containers.run(
      [
        '-c',
        'cd /opt/slipway && ls -A . bin dist node_modules node_modules/.bin && find bin dist -name "*.ts"',
      ],
      { entrypoint: 'sh' },
    );
    const names = output.split(/\s+/);
    for (const name of ['typeorm', '@temporalio', 'workflow-bundle.js', 'container']) {
      assert.ok(names.includes(name), `${name} is missing`);
    }
    for (const name of ['test', 'bench', '.git', 'mocha', 'typescript', 'eslint', 'tsx', 'knip', 'demo']) {
      assert.ok(!names.includes(name), `${name} is in the image`);
    }
    assert.doesNotMatch(output, /\.ts$/m);
    const { code } = await containers.run(['-c', 'command -v npm || test -w /opt/slipway'], {
      entrypoint: 'sh',
    });
    assert.notEqual(code, 0, 'npm is in the image, or its own files can be written');
  });

  it('explains its roles, and refuses others', async () => {
    const help = await containers.run(['--help']);
    assert.equal(help.code, 0);
    for (const role of ['serve', 'relay', 'worker --queues', 'migrate', 'admin', 'check', 'fsck', 'health']) {
      assert.ok(help.output.includes(`  ${role} `), role);
    }
    const wrong = await containers.run(['server']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.output, /there is no role "server"; see --help/);
  });

  it('names what its configuration lacks', async () => {
    const { code, output } = await containers.run(['serve'], { env: {} });
    assert.equal(code, 1);
    for (const field of ['SERVER_HOSTNAME', 'DATABASE_URL', 'DATABASE_SECRET_KEY']) {
      assert.ok(output.includes(field), field);
    }
  });

  it('is healthy in every role, on a root that cannot be written', async () => {
    for (const role of ROLES) {
      await eventually(
        async () => {
          const { State } = await containers.inspect(role);
          assert.equal(State.Status, 'running', await containers.log(role));
          assert.equal(State.Health?.Status, 'healthy', JSON.stringify(State.Health?.Log.at(-1)));
        },
        120_000,
        500,
      );
    }
    const { code, output } = await containers.run(['check']);
    assert.equal(code, 0, output);
  });

  it('takes a push and gives it back', async () => {
    const name = uniqueName('ann');
    const made = await containers.run(['admin', 'user', 'create', name, '--email', `${name}@example.com`]);
    const password = /^password: (\S+)$/m.exec(made.output)?.[1] ?? made.output;
    const client = new RegistryClient(containers.url, { username: name, password });
    const image = buildImage({ layers: [randomBytes(3 * 1024 * 1024)] });
    const pushed = await pushImage(client, `${name}/app`, image, 'latest');
    assert.equal(pushed.status, 201);
    const pulled = await client.expect(200, 'GET', `/v2/${name}/app/manifests/latest`, {
      headers: { accept: OCI_MANIFEST },
    });
    assert.equal(pulled.headers.get('docker-content-digest'), image.digest);
    const [layer] = image.layers;
    const blob = await client.expect(200, 'GET', `/v2/${name}/app/blobs/${layer?.digest}`);
    assert.ok(Buffer.from(await blob.arrayBuffer()).equals(layer?.bytes ?? Buffer.alloc(0)));
    await eventually(async () => assert.match(await containers.log('worker'), /scan/), 60_000, 500);
  });

  it('is unhealthy, with the reason, where nothing answers', async () => {
    const { code, output } = await containers.run(['health'], { env: { SLIPWAY_HEALTH_PORT: '9' } });
    assert.equal(code, 1);
    assert.match(output, /no answer at http:\/\/127\.0\.0\.1:9\/health: \S+/);
  });

  it('ends by itself with code 0 when it is told to stop', async () => {
    await Promise.all(
      ROLES.map(async (role) => {
        await containers.stop(role, 60);
        const { State } = await containers.inspect(role);
        assert.deepEqual(
          [State.ExitCode, State.OOMKilled],
          [0, false],
          `${role}: ${await containers.log(role)}`,
        );
      }),
    );
  });
});
