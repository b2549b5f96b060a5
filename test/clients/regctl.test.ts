import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { ClientProgram } from '../support/client-program';
import { uniqueName } from '../support/factories';
import { needGoProgram, soonNeeded } from '../support/go-program';
import { writeLayout } from '../support/oci-layout';
import type { Credentials } from '../support/registry-client';
import { sha256 } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';
import { itIsToldWhatItMayNot } from './refusals';

const REGCTL = soonNeeded({ package: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' });
const SBOM = 'application/vnd.example.sbom+json';
const REPORT = 'application/vnd.example.report+json';

describe('regctl', function () {
  this.timeout(60_000);
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let regctl: ClientProgram;
  let program: string;
  let repository: string;
  let image: string;

  before(async function () {
    program = await needGoProgram(this, REGCTL);
    registry = await servedRegistry();
    person = await registry.person();
    regctl = await open();
    await login(regctl, { username: person.name, password: person.password });
  });
  beforeEach(() => {
    repository = `${person.name}/${uniqueName('app')}`;
    image = `${registry.host}/${repository}`;
  });
  after(() => regctl?.dispose());

  async function open(): Promise<ClientProgram> {
    const client = new ClientProgram(program);
    await writeLayout(client.path('layout'), ['one', 'two']);
    await writeLayout(client.path('index'), ['amd64', 'arm64'], { asIndex: true });
    await client.run(['registry', 'set', '--skip-check', '--tls', 'disabled', registry.host]);
    return client;
  }

  function login(client: ClientProgram, { username, password }: Credentials): Promise<string> {
    const credentials = ['--user', username, '--pass-stdin'];
    return client.run(['registry', 'login', registry.host, ...credentials], { input: password });
  }

  const run = (...args: string[]) => regctl.run(args);
  const digestOf = async (reference: string) => (await run('image', 'digest', reference)).trim();
  const push = (tag: string) => run('image', 'copy', 'ocidir://layout:one', `${image}:${tag}`);
  const lines = (output: string) => output.split('\n').filter(Boolean);

  /** Attaches a text to what `image` has under a tag; the digest of the artifact. */
  async function attach(tag: string, type: string, text: string, ...more: string[]): Promise<string> {
    const to = ['--subject', `${image}:${tag}`, '--artifact-type', type];
    const printed = await regctl.run(
      ['artifact', 'put', ...to, ...more, '--format', '{{ .Manifest.GetDescriptor.Digest }}'],
      { input: text },
    );
    return printed.trim();
  }

  async function attached(reference: string, ...filter: string[]): Promise<string[]> {
    const format = '{{ range .Descriptors }}{{ println .Digest }}{{ end }}';
    return lines(await run('artifact', 'list', reference, ...filter, '--format', format));
  }

  itIsToldWhatItMayNot(() => ({
    registry,
    open,
    login,
    ownWords: /failed to ping registry .*unauthorized/,
    push: (client, reference) =>
      client.run(['image', 'copy', 'ocidir://layout:one', `${registry.host}/${reference}`]),
    pull: (client, reference) =>
      client.run(['image', 'export', `${registry.host}/${reference}`, client.path('pulled.tar')]),
  }));

  it('copies a layout in and out, unchanged', async () => {
    await push('v1');
    assert.equal(await digestOf(`${image}:v1`), await digestOf('ocidir://layout:one'));
    await run('image', 'copy', `${image}:v1`, 'ocidir://pulled:v1');
    assert.equal(await digestOf('ocidir://pulled:v1'), await digestOf(`${image}:v1`));
    assert.match(
      await run('manifest', 'head', `${image}:v1`, '--format', 'raw-headers'),
      /Docker-Content-Digest/,
    );
  });

  it('lists tags and repositories, and deletes a tag alone', async () => {
    await push('v1');
    await run('image', 'copy', `${image}:v1`, `${image}:v2`);
    assert.deepEqual(lines(await run('tag', 'ls', image)), ['v1', 'v2']);
    assert.deepEqual(lines(await run('tag', 'ls', '--limit', '1', image)), ['v1']);
    assert.deepEqual(lines(await run('tag', 'ls', '--last', 'v1', image)), ['v2']);
    assert.ok(lines(await run('repo', 'ls', registry.host)).includes(repository));
    await run('tag', 'rm', `${image}:v1`);
    assert.deepEqual(lines(await run('tag', 'ls', image)), ['v2']);
    assert.deepEqual(await person.tagsOf(repository), ['v2']);
    await assert.rejects(run('tag', 'rm', `${image}:v1`), /not found/);
    await run('tag', 'rm', '--ignore-missing', `${image}:v1`);
  });

  it('deletes by digest what has several tags', async () => {
    await push('v1');
    await push('v2');
    const digest = await digestOf(`${image}:v1`);
    await run('manifest', 'delete', `${image}@${digest}`);
    await assert.rejects(run('manifest', 'head', `${image}@${digest}`), /not found/);
    assert.deepEqual(await person.tagsOf(repository), []);
  });

  it('attaches artifacts, discovers them by type, and reads them back', async () => {
    await push('v1');
    const sbom = await attach('v1', SBOM, '{"packages":[]}', '--annotation', 'by=test');
    const report = await attach('v1', REPORT, '{"findings":1}');
    assert.deepEqual((await attached(`${image}:v1`)).sort(), [sbom, report].sort());
    assert.deepEqual(await attached(`${image}:v1`, '--filter-artifact-type', SBOM), [sbom]);
    assert.deepEqual(await attached(`${image}:v1`, '--filter-annotation', 'by=test'), [sbom]);
    const found = ['--subject', `${image}:v1`, '--filter-artifact-type', REPORT];
    assert.equal(await run('artifact', 'get', ...found), '{"findings":1}');
    // Whoever is told OCI-Subject does not write the tag of the fallback.
    assert.deepEqual(await person.tagsOf(repository), ['v1']);
    await run('manifest', 'delete', `${image}@${report}`);
    assert.deepEqual(await attached(`${image}:v1`), [sbom]);
  });

  it('attaches to an artifact, and shows the tree', async () => {
    await push('v1');
    const sbom = await attach('v1', SBOM, '{}');
    const signature = await regctl.run(
      [
        ...[
          'artifact',
          'put',
          '--subject',
          `${image}@${sbom}`,
          '--artifact-type',
          'application/vnd.example.signature',
        ],
        ...['--format', '{{ .Manifest.GetDescriptor.Digest }}'],
      ],
      { input: 'signed' },
    );
    const tree = await run('artifact', 'tree', `${image}:v1`);
    assert.ok(tree.indexOf(sbom) < tree.indexOf(signature.trim()), tree);
  });

  it('copies an index with all that refers to it, from repository to repository and out', async () => {
    await run('image', 'copy', 'ocidir://index:multi', `${image}:multi`);
    const sbom = await attach('multi', SBOM, '{}');
    const ofArm = await attach('multi', REPORT, '{}', '--platform', 'linux/arm64');
    await run('image', 'copy', '--referrers', `${image}:multi`, `${image}-copy:multi`);
    assert.deepEqual(await attached(`${image}-copy:multi`), [sbom]);
    assert.deepEqual(await attached(`${image}-copy:multi`, '--platform', 'linux/arm64'), [ofArm]);
    await run('image', 'copy', '--referrers', `${image}-copy:multi`, 'ocidir://whole:multi');
    assert.deepEqual(await attached('ocidir://whole:multi'), [sbom]);
    // A copy without them, beside the digest tags of older signers.
    const tag = (await digestOf(`${image}:multi`)).replace(':', '-');
    await run('image', 'copy', 'ocidir://layout:two', `${image}:${tag}.sig`);
    await run('image', 'copy', '--digest-tags', `${image}:multi`, `${image}-plain:multi`);
    assert.deepEqual(await attached(`${image}-plain:multi`), []);
    assert.deepEqual(await person.tagsOf(`${repository}-plain`), ['multi', `${tag}.sig`]);
  });

  it('puts, asks for, reads, copies and deletes a blob', async () => {
    const bytes = 'some bytes of a layer';
    const digest = sha256(bytes);
    assert.equal((await regctl.run(['blob', 'put', image], { input: bytes })).trim(), digest);
    assert.match(await run('blob', 'head', image, digest), /Content-Length: 21/);
    assert.equal(await run('blob', 'get', image, digest), bytes);
    await run('blob', 'copy', image, `${image}-copy`, digest);
    await run('blob', 'delete', image, digest);
    await assert.rejects(run('blob', 'head', image, digest), /not found/);
    assert.equal(await run('blob', 'get', `${image}-copy`, digest), bytes);
    const wrong = ['--digest', sha256('other bytes')];
    await assert.rejects(regctl.run(['blob', 'put', ...wrong, image], { input: bytes }), /digest/i);
  });

  it('sends a blob in chunks', async () => {
    const chunked = await open();
    const sizes = ['--blob-chunk', '65536', '--blob-max', '100000'];
    await chunked.run(['registry', 'set', '--skip-check', ...sizes, registry.host]);
    await login(chunked, { username: person.name, password: person.password });
    const bytes = Buffer.alloc(300_000, 'chunk');
    const digest = (await chunked.run(['blob', 'put', image], { input: bytes })).trim();
    assert.equal(digest, sha256(bytes));
    assert.equal(sha256(await run('blob', 'get', image, digest)), digest);
    chunked.dispose();
  });

  it('makes an index, nests it, and refuses a manifest that lacks a part', async () => {
    await push('v1');
    const types = ['--artifact-type', 'application/vnd.example.set'];
    await run('index', 'create', `${image}:inner`, '--ref', `${image}:v1`, ...types);
    await run('index', 'create', `${image}:outer`, '--digest', await digestOf(`${image}:inner`));
    await run('index', 'add', `${image}:outer`, '--digest', await digestOf(`${image}:v1`));
    await run('image', 'copy', `${image}:outer`, `${image}-copy:outer`);
    assert.equal(await digestOf(`${image}-copy:outer`), await digestOf(`${image}:outer`));
    const body = await run('manifest', 'get', '--format', 'raw-body', `${image}:v1`);
    const broken = body.replace(
      /"layers":\[.*?"digest":"sha256:[0-9a-f]{4}/,
      (found) => `${found.slice(0, -4)}0000`,
    );
    assert.notEqual(broken, body);
    const type = ['--content-type', 'application/vnd.oci.image.manifest.v1+json'];
    await assert.rejects(
      regctl.run(['manifest', 'put', ...type, `${image}:broken`], { input: broken }),
      /400|BLOB/,
    );
  });

  it('keeps an artifact of any type, with files of any type and their titles', async () => {
    writeFileSync(regctl.path('model.bin'), 'weights');
    writeFileSync(regctl.path('card.md'), '# a model');
    const config = ['--config-type', 'application/vnd.example.model.config.v1+json'];
    const files = [
      ...['--file', 'model.bin', '--file-media-type', 'application/vnd.example.model'],
      ...['--file', 'card.md', '--file-media-type', 'text/markdown'],
    ];
    await run('artifact', 'put', ...config, ...files, '--file-title', `${image}:model`);
    await run('artifact', 'get', `${image}:model`, '--output', regctl.home, '--file', 'model.bin');
    assert.equal(await run('artifact', 'get', `${image}:model`, '--file', 'card.md'), '# a model');
    assert.deepEqual(await person.tagsOf(repository), ['model']);
  });
});
