import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { ClientProgram } from '../support/client-program';
import { archiveOf } from '../support/docker-archive';
import { dockerHost, dockerIsMissing } from '../support/docker';
import { buildRobot, buildUser, uniqueName } from '../support/factories';
import { startRegistry } from '../support/registry';
import type { Credentials } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';
import { itIsToldWhatItMayNot } from './refusals';

const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** What is missing on this machine for the tests below. */
function missing(): string | undefined {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'the docker client is not installed here';
  }
  return dockerIsMissing();
}

describe('docker', function () {
  this.timeout(120_000);
  const reason = missing();
  const images = new Set<string>();
  let engine: string;
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let docker: ClientProgram;
  let repository: string;
  let image: string;

  before(async function () {
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      return this.skip();
    }
    engine = await dockerHost();
    registry = await servedRegistry();
    person = await registry.person();
    docker = open();
    await login(docker, { username: person.name, password: person.password });
  });
  beforeEach(() => {
    repository = `${person.name}/${uniqueName('app')}`;
    image = `${registry.host}/${repository}`;
  });
  after(async () => {
    if (!docker) return;
    if (images.size > 0) await run('image', 'rm', '--force', ...images);
    docker.dispose();
  });

  const open = () => new ClientProgram('docker', { DOCKER_HOST: engine });
  const run = (...args: string[]) => docker.run(args);

  function login(client: ClientProgram, { username, password }: Credentials): Promise<string> {
    return client.run(['login', '--username', username, '--password-stdin', registry.host], {
      input: password,
    });
  }

  /** Puts an image of layers that nobody else has into the engine. */
  async function load(reference: string, layers = 1): Promise<void> {
    await docker.run(['load', '--quiet'], { input: await archiveOf(reference, layers) });
    images.add(reference);
  }

  async function tag(from: string, to: string): Promise<void> {
    await run('tag', from, to);
    images.add(to);
  }

  /** Pushes, and answers the digest. */
  async function push(client: ClientProgram, reference: string): Promise<string> {
    const printed = await client.run(['push', reference]);
    return /digest: (sha256:[0-9a-f]{64})/.exec(printed)?.[1] ?? assert.fail(printed);
  }

  itIsToldWhatItMayNot(() => ({
    registry,
    open,
    login,
    async push(client, reference) {
      await load(`${registry.host}/${reference}`);
      await push(client, `${registry.host}/${reference}`);
    },
    pull: (client, reference) => client.run(['pull', `${registry.host}/${reference}`]),
  }));

  it('pushes, and pulls back the same image by tag and by digest', async () => {
    await load(`${image}:v1`);
    const digest = await push(docker, `${image}:v1`);
    await run('image', 'rm', `${image}:v1`);
    assert.ok((await run('pull', `${image}:v1`)).includes(digest));
    await run('image', 'rm', `${image}:v1`);
    await run('pull', `${image}@${digest}`);
    images.add(`${image}@${digest}`);
    await tag(`${image}@${digest}`, `${image}:v1`);
    assert.match(await run('push', `${image}:v1`), /Layer already exists/);
    assert.deepEqual(await person.tagsOf(repository), ['v1']);
  });

  it('pushes many layers side by side, and mounts them all in another repository', async () => {
    await load(`${image}:v1`, 12);
    const digest = await push(docker, `${image}:v1`);
    await tag(`${image}:v1`, `${image}-second:v1`);
    const printed = await run('push', `${image}-second:v1`);
    assert.equal(printed.match(new RegExp(`Mounted from ${repository}`, 'g'))?.length, 12, printed);
    assert.ok(printed.includes(digest), printed);
    await run('image', 'rm', `${image}:v1`, `${image}-second:v1`);
    assert.ok((await run('pull', `${image}-second:v1`)).includes(digest));
  });

  it('pushes and pulls all tags at once', async () => {
    await load(`${image}:v1`);
    await tag(`${image}:v1`, `${image}:v2`);
    await run('push', '--all-tags', image);
    assert.deepEqual(await person.tagsOf(repository), ['v1', 'v2']);
    await run('image', 'rm', `${image}:v1`, `${image}:v2`);
    await run('pull', '--all-tags', image);
    const listed = await run('image', 'ls', '--format', '{{.Tag}}', image);
    assert.deepEqual(listed.split('\n').filter(Boolean).sort(), ['v1', 'v2']);
  });

  it('joins images of two architectures in a manifest list', async () => {
    const parts = [`${image}:amd64`, `${image}:arm64`];
    for (const part of parts) {
      await load(part);
      await push(docker, part);
    }
    await run('manifest', 'create', '--insecure', `${image}:multi`, ...parts);
    await run('manifest', 'annotate', '--arch', 'arm64', `${image}:multi`, `${image}:arm64`);
    await run('manifest', 'push', '--insecure', '--purge', `${image}:multi`);
    const list = JSON.parse(await run('manifest', 'inspect', '--insecure', `${image}:multi`)) as {
      mediaType: string;
      manifests: { platform: { architecture: string } }[];
    };
    assert.equal(list.mediaType, DOCKER_LIST);
    assert.deepEqual(
      list.manifests.map(({ platform }) => platform.architecture),
      ['amd64', 'arm64'],
    );
    await run('image', 'rm', ...parts);
    await run('pull', '--platform', 'linux/amd64', `${image}:multi`);
    images.add(`${image}:multi`);
    assert.deepEqual(await person.tagsOf(repository), ['amd64', 'arm64', 'multi']);
  });

  it('is told that robots are switched off', async () => {
    const strict = await startRegistry({ config: { ROBOTS_DISALLOW: true } });
    try {
      const { account } = await buildUser(strict.dataSource);
      const robot = await buildRobot(strict.dataSource, { namespace: account });
      const credentials = ['--username', robot.account.name, '--password-stdin'];
      await assert.rejects(
        docker.run(['login', ...credentials, strict.host], { input: robot.token }),
        /Robot accounts have been disabled\. Please contact your administrator\./,
      );
    } finally {
      await strict.close();
    }
  });

  it('forgets a login', async () => {
    await load(`${image}:v1`);
    await push(docker, `${image}:v1`);
    const other = open();
    await login(other, { username: person.name, password: person.password });
    await other.run(['pull', `${image}:v1`]);
    await other.run(['logout', registry.host]);
    await assert.rejects(other.run(['pull', `${image}:v1`]), /unauthorized|denied/i);
    other.dispose();
  });
});
