import { strict as assert } from 'node:assert';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildRepository, buildUser, uniqueName } from '../support/factories';
import { writeLayout } from '../support/oci-layout';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';

const run = promisify(execFile);

/** The client itself; whoever runs the tests without it is told so. */
function hasSkopeo(): boolean {
  try {
    execFileSync('skopeo', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('skopeo', function () {
  this.timeout(60_000);
  let registry: TestRegistry;
  let user: string;
  let folder: string;
  let image: string;

  before(async function () {
    if (!hasSkopeo()) {
      console.log('      skopeo is not installed here');
      return this.skip();
    }
    registry = await startRegistry();
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    user = account.name;
    folder = mkdtempSync(join(tmpdir(), 'slipway-test-skopeo-'));
    await writeLayout(join(folder, 'layout'), ['one', 'two']);
  });
  beforeEach(() => {
    image = `docker://${registry.host}/${user}/${uniqueName('app')}`;
  });
  after(async () => {
    if (!hasSkopeo()) return;
    rmSync(folder, { recursive: true, force: true });
    await registry.close();
  });

  const skopeo = (...args: string[]) =>
    run('skopeo', ['--override-arch=amd64', '--override-os=linux', '--insecure-policy', ...args]);
  const creds = (password = 'secret', name = user) => `${name}:${password}`;
  const source = (tag = 'one') => `oci:${join(folder, 'layout')}:${tag}`;
  const push = (from: string, to: string) =>
    skopeo('copy', '--dest-tls-verify=false', `--dest-creds=${creds()}`, from, to);
  const pull = (from: string, to: string) =>
    skopeo('copy', '--src-tls-verify=false', `--src-creds=${creds()}`, from, to);

  async function inspect(
    reference: string,
  ): Promise<{ Digest: string; RepoTags: string[]; Layers: string[] }> {
    const { stdout } = await skopeo('inspect', '--tls-verify=false', `--creds=${creds()}`, reference);
    return JSON.parse(stdout) as { Digest: string; RepoTags: string[]; Layers: string[] };
  }

  it('copies an OCI layout in and out, unchanged', async () => {
    await push(source(), `${image}:v1`);
    const pulled = join(folder, uniqueName('pulled'));
    await pull(`${image}:v1`, `oci:${pulled}:v1`);
    assert.deepEqual(manifestDigests(pulled), [manifestDigests(join(folder, 'layout'))[0]]);
    assert.equal((await inspect(`${image}:v1`)).Digest, manifestDigests(pulled)[0]);
  });

  it('copies as Docker schema 2, from a docker archive, and to a folder', async () => {
    const archive = join(folder, `${uniqueName('archive')}.tar`);
    await skopeo('copy', source(), `docker-archive:${archive}:some/name:v1`);
    await push(`docker-archive:${archive}`, `${image}:docker`);
    const raw = await skopeo(
      'inspect',
      '--raw',
      '--tls-verify=false',
      `--creds=${creds()}`,
      `${image}:docker`,
    );
    const { mediaType } = JSON.parse(raw.stdout) as { mediaType: string };
    assert.equal(mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    const target = join(folder, uniqueName('dir'));
    await pull(`${image}:docker`, `dir:${target}`);
    const { layers } = JSON.parse(readFileSync(join(target, 'manifest.json'), 'utf8')) as {
      layers: unknown[];
    };
    assert.equal(layers.length, 1);
  });

  it('copies all images of an index', async () => {
    const layout = join(folder, uniqueName('index'));
    await writeLayout(layout, ['amd64', 'arm64'], { asIndex: true });
    await skopeo(
      'copy',
      '--all',
      '--dest-tls-verify=false',
      `--dest-creds=${creds()}`,
      `oci:${layout}:multi`,
      `${image}:multi`,
    );
    const { stdout } = await skopeo(
      'inspect',
      '--raw',
      '--tls-verify=false',
      `--creds=${creds()}`,
      `${image}:multi`,
    );
    const { manifests } = JSON.parse(stdout) as { manifests: unknown[] };
    assert.equal(manifests.length, 2);
  });

  it('copies from repository to repository', async () => {
    await push(source(), `${image}:v1`);
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const both = [`--src-creds=${creds()}`, `--dest-creds=${creds()}`];
    await skopeo('copy', ...flags, ...both, `${image}:v1`, `${image}-copy:v1`);
    assert.equal((await inspect(`${image}-copy:v1`)).Digest, (await inspect(`${image}:v1`)).Digest);
  });

  it('lists tags and deletes', async () => {
    await push(source('one'), `${image}:a`);
    await push(source('two'), `${image}:b`);
    const list = async () => {
      const { stdout } = await skopeo('list-tags', '--tls-verify=false', `--creds=${creds()}`, image);
      return (JSON.parse(stdout) as { Tags: string[] }).Tags;
    };
    assert.deepEqual(await list(), ['a', 'b']);
    await skopeo('delete', '--tls-verify=false', `--creds=${creds()}`, `${image}:a`);
    assert.deepEqual(await list(), ['b']);
    assert.deepEqual((await inspect(`${image}:b`)).RepoTags, ['b']);
  });

  it('is told when the password is wrong or the permission is missing', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const wrong = creds('wrong', account.name);
    await assert.rejects(
      skopeo('copy', '--dest-tls-verify=false', `--dest-creds=${wrong}`, source(), `${image}:v1`),
      /unauthorized|invalid username\/password/i,
    );
    const { name } = await buildRepository(registry.dataSource, { namespace: account });
    const theirs = `docker://${registry.host}/${account.name}/${name}:v1`;
    await assert.rejects(push(source(), theirs), /unauthorized|denied|authentication required/i);
    await assert.rejects(
      pull(theirs, `dir:${join(folder, 'stolen')}`),
      /unauthorized|denied|authentication required/i,
    );
  });
});

function manifestDigests(layout: string): string[] {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  return index.manifests.map((entry) => entry.digest);
}
