import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { ClientProgram } from '../support/client-program';
import { buildRepository, uniqueName } from '../support/factories';
import { needGoProgram, soonNeeded } from '../support/go-program';
import { layoutDigests, tarOf, writeLayout } from '../support/oci-layout';
import { sha256 } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';
import { itIsToldWhatItMayNot } from './refusals';

const CRANE = soonNeeded({ package: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' });

describe('crane', function () {
  this.timeout(60_000);
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let crane: ClientProgram;
  let program: string;
  let repository: string;
  let image: string;

  before(async function () {
    program = await needGoProgram(this, CRANE);
    registry = await servedRegistry();
    person = await registry.person();
    crane = await open();
    await login(crane, { username: person.name, password: person.password });
  });
  beforeEach(() => {
    repository = `${person.name}/${uniqueName('app')}`;
    image = `${registry.host}/${repository}`;
  });
  after(() => crane?.dispose());

  async function open(): Promise<ClientProgram> {
    const client = new ClientProgram(program);
    await writeLayout(client.path('layout'), ['one']);
    writeFileSync(client.path('hello.tar'), await tarOf('hello\n'));
    return client;
  }

  function login(client: ClientProgram, { username, password }: { username: string; password: string }) {
    const credentials = ['--username', username, '--password-stdin'];
    return client.run(['auth', 'login', registry.host, ...credentials], { input: password });
  }

  const run = (...args: string[]) => crane.run(args);
  const lines = async (...args: string[]) => (await run(...args)).split('\n').filter(Boolean);
  const push = (tag: string) => run('push', crane.path('layout'), `${image}:${tag}`);

  itIsToldWhatItMayNot(() => ({
    registry,
    open,
    login,
    push: (client, reference) => client.run(['push', client.path('layout'), `${registry.host}/${reference}`]),
    pull: (client, reference) => client.run(['pull', `${registry.host}/${reference}`, 'pulled.tar']),
  }));

  it('pushes a layout and pulls it back, unchanged', async () => {
    const pushed = (await push('v1')).trim();
    const [digest = ''] = layoutDigests(crane.path('layout'));
    assert.equal(pushed, `${image}@${digest}`);
    assert.deepEqual(await lines('digest', `${image}:v1`), [digest]);
    assert.equal(sha256(await run('manifest', `${image}@${digest}`)), digest);
    await run('pull', '--format', 'oci', `${image}:v1`, 'pulled');
    assert.deepEqual(layoutDigests(crane.path('pulled')), [digest]);
    await run('validate', '--remote', `${image}:v1`);
  });

  it('pulls an archive, pushes it elsewhere, and exports its files', async () => {
    await push('v1');
    await run('pull', `${image}:v1`, 'image.tar');
    await run('push', 'image.tar', `${image}-again:v1`);
    const config = JSON.parse(await run('config', `${image}-again:v1`)) as { architecture: string };
    assert.equal(config.architecture, 'amd64');
    assert.match(await run('export', `${image}-again:v1`, '-'), /hello\.txt.*hello from one/s);
  });

  it('tags, lists and copies, and all of it is in the REST API', async () => {
    await push('v1');
    await run('tag', `${image}:v1`, 'v2');
    assert.deepEqual(await lines('ls', image), ['v1', 'v2']);
    await run('cp', '--all-tags', image, `${image}-copy`);
    assert.deepEqual(await lines('ls', `${image}-copy`), ['v1', 'v2']);
    assert.deepEqual(await person.tagsOf(`${repository}-copy`), ['v1', 'v2']);
    assert.deepEqual(await lines('digest', `${image}-copy:v2`), await lines('digest', `${image}:v1`));
  });

  it('deletes a tag alone, and by digest everything', async () => {
    await push('v1');
    await run('tag', `${image}:v1`, 'v2');
    await run('delete', `${image}:v1`);
    assert.deepEqual(await lines('ls', image), ['v2']);
    const [digest = ''] = await lines('digest', `${image}:v2`);
    await run('delete', `${image}@${digest}`);
    assert.deepEqual(await lines('ls', image), []);
    assert.deepEqual(await person.tagsOf(repository), []);
    await assert.rejects(run('manifest', `${image}@${digest}`), /MANIFEST_UNKNOWN|404/);
  });

  it('sees its own repositories in the catalog and nobody else’s', async () => {
    await push('v1');
    const stranger = await registry.person();
    const { name } = await buildRepository(registry.dataSource, { namespace: stranger.account });
    const catalog = await lines('catalog', registry.host);
    assert.ok(catalog.includes(repository), catalog.join());
    assert.ok(!catalog.includes(`${stranger.name}/${name}`), catalog.join());
  });

  it('makes images of archives, labels them, and joins them in an index', async () => {
    for (const [platform, tag] of [
      ['linux/amd64', 'amd64'],
      ['linux/arm64', 'arm64'],
    ] as const) {
      await run('append', '--oci-empty-base', '-f', 'hello.tar', '-t', `${image}:${tag}`);
      const labels = ['--label', `arch=${tag}`, '--annotation', `note=${tag}`];
      await run('mutate', ...labels, '--set-platform', platform, `${image}:${tag}`, '-t', `${image}:${tag}`);
    }
    await run('index', 'append', '-m', `${image}:amd64`, '-m', `${image}:arm64`, '-t', `${image}:multi`);
    const listed = await run('index', 'list', `${image}:multi`);
    assert.match(listed, /linux\/amd64.*linux\/arm64/s);
    const arm = await lines('digest', '--platform', 'linux/arm64', `${image}:multi`);
    assert.deepEqual(arm, await lines('digest', `${image}:arm64`));
    await run('cp', `${image}:multi`, `${image}-copy:multi`);
    assert.deepEqual(await lines('digest', `${image}-copy:multi`), await lines('digest', `${image}:multi`));
    await run('validate', '--remote', `${image}-copy:multi`);
  });

  it('nests an index in an index', async () => {
    await push('v1');
    await run('index', 'append', '-m', `${image}:v1`, '-t', `${image}:inner`);
    await run('index', 'append', '--flatten=false', '-m', `${image}:inner`, '-t', `${image}:outer`);
    const { manifests } = JSON.parse(await run('manifest', `${image}:outer`)) as {
      manifests: { digest: string; mediaType: string }[];
    };
    const [inner = ''] = await lines('digest', `${image}:inner`);
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [inner],
    );
    await run('cp', `${image}:outer`, `${image}-copy:outer`);
    assert.equal(sha256(await run('manifest', `${image}-copy@${inner}`)), inner);
  });
});
