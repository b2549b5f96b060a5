import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ClientProgram } from '../support/client-program';
import { uniqueName } from '../support/factories';
import { layoutDigests, writeLayout } from '../support/oci-layout';
import type { Credentials } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';
import { hasSkopeo } from '../support/skopeo';
import { itIsToldWhatItMayNot } from './refusals';

const PLAIN = '--tls-verify=false';
const ALWAYS = ['--override-arch=amd64', '--override-os=linux', '--insecure-policy'];

describe('skopeo', function () {
  this.timeout(60_000);
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let skopeo: ClientProgram;
  let repository: string;
  let image: string;

  before(async function () {
    if (!hasSkopeo()) {
      console.log('      skipped: skopeo is not installed here');
      return this.skip();
    }
    registry = await servedRegistry();
    person = await registry.person();
    skopeo = await open();
    await login(skopeo, { username: person.name, password: person.password });
  });
  beforeEach(() => {
    repository = `${person.name}/${uniqueName('app')}`;
    image = `docker://${registry.host}/${repository}`;
  });
  after(() => skopeo?.dispose());

  async function open(): Promise<ClientProgram> {
    const client = new ClientProgram('skopeo');
    await writeLayout(client.path('layout'), ['one', 'two']);
    // Its own place for credentials is one per account of the machine.
    client.env.REGISTRY_AUTH_FILE = client.path('auth.json');
    return client;
  }

  function login(client: ClientProgram, { username, password }: Credentials): Promise<string> {
    const credentials = ['--username', username, '--password-stdin', PLAIN];
    return client.run(['login', ...credentials, registry.host], { input: password });
  }

  const run = (...args: string[]) => skopeo.run([...ALWAYS, ...args]);

  function copy(client: ClientProgram, from: string, to: string, ...more: string[]): Promise<string> {
    const plain = [
      ...(from.startsWith('docker:') ? ['--src-tls-verify=false'] : []),
      ...(to.startsWith('docker:') ? ['--dest-tls-verify=false'] : []),
    ];
    return client.run([...ALWAYS, 'copy', ...plain, ...more, from, to]);
  }

  const push = (tag: string, from = 'one') => copy(skopeo, `oci:layout:${from}`, `${image}:${tag}`);

  async function inspect(
    reference: string,
  ): Promise<{ Digest: string; RepoTags: string[]; Layers: string[] }> {
    return JSON.parse(await run('inspect', PLAIN, reference)) as Awaited<ReturnType<typeof inspect>>;
  }

  async function inspectRaw<T>(reference: string): Promise<T> {
    return JSON.parse(await run('inspect', '--raw', PLAIN, reference)) as T;
  }

  itIsToldWhatItMayNot(() => ({
    registry,
    open,
    login,
    ownWords: /invalid username\/password/,
    push: (client, reference) => copy(client, 'oci:layout:one', `docker://${registry.host}/${reference}`),
    pull: (client, reference) =>
      copy(client, `docker://${registry.host}/${reference}`, `dir:${client.path(uniqueName('pulled'))}`),
  }));

  it('copies an OCI layout in and out, unchanged', async () => {
    await push('v1');
    const pulled = skopeo.path(uniqueName('pulled'));
    await copy(skopeo, `${image}:v1`, `oci:${pulled}:v1`);
    assert.deepEqual(layoutDigests(pulled), [layoutDigests(skopeo.path('layout'))[0]]);
    assert.equal((await inspect(`${image}:v1`)).Digest, layoutDigests(pulled)[0]);
  });

  it('copies as Docker schema 2, from a docker archive, and to a folder', async () => {
    const archive = `docker-archive:${uniqueName('archive')}.tar:some/name:v1`;
    await copy(skopeo, 'oci:layout:one', archive);
    await copy(skopeo, archive, `${image}:docker`);
    const { mediaType } = await inspectRaw<{ mediaType: string }>(`${image}:docker`);
    assert.equal(mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    const target = skopeo.path(uniqueName('dir'));
    await copy(skopeo, `${image}:docker`, `dir:${target}`);
    const manifest = readFileSync(join(target, 'manifest.json'), 'utf8');
    assert.equal((JSON.parse(manifest) as { layers: unknown[] }).layers.length, 1);
  });

  it('copies all images of an index', async () => {
    const layout = uniqueName('index');
    await writeLayout(skopeo.path(layout), ['amd64', 'arm64'], { asIndex: true });
    await copy(skopeo, `oci:${layout}:multi`, `${image}:multi`, '--all');
    const { manifests } = await inspectRaw<{ manifests: unknown[] }>(`${image}:multi`);
    assert.equal(manifests.length, 2);
  });

  it('copies from repository to repository, and all of it with sync', async () => {
    await push('v1');
    await push('v2', 'two');
    await copy(skopeo, `${image}:v1`, `${image}-copy:v1`);
    assert.equal((await inspect(`${image}-copy:v1`)).Digest, (await inspect(`${image}:v1`)).Digest);
    const from = `${registry.host}/${repository}`;
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await run('sync', ...plain, '--src', 'docker', '--dest', 'docker', from, `${from}-synced`);
    const name = repository.slice(repository.indexOf('/'));
    assert.deepEqual(await person.tagsOf(`${repository}-synced${name}`), ['v1', 'v2']);
  });

  it('lists tags and deletes', async () => {
    await push('a', 'one');
    await push('b', 'two');
    const list = async () => (JSON.parse(await run('list-tags', PLAIN, image)) as { Tags: string[] }).Tags;
    assert.deepEqual(await list(), ['a', 'b']);
    await run('delete', PLAIN, `${image}:a`);
    assert.deepEqual(await list(), ['b']);
    assert.deepEqual((await inspect(`${image}:b`)).RepoTags, ['b']);
    assert.deepEqual(await person.tagsOf(repository), ['b']);
  });

  it('forgets a login', async () => {
    await push('v1');
    const other = await open();
    await login(other, { username: person.name, password: person.password });
    await other.run([...ALWAYS, 'inspect', PLAIN, `${image}:v1`]);
    await other.run(['logout', registry.host]);
    await assert.rejects(
      other.run([...ALWAYS, 'inspect', PLAIN, `${image}:v1`]),
      /unauthorized|authentication required/,
    );
    other.dispose();
  });
});
