import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { ClientProgram } from '../support/client-program';
import { buildRobot, grant, uniqueName } from '../support/factories';
import { needGoProgram, soonNeeded } from '../support/go-program';
import { OCI_MANIFEST, buildImage, pushImage } from '../support/images';
import type { Credentials } from '../support/registry-client';
import { RegistryClient } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';

const COSIGN = soonNeeded({ package: 'github.com/sigstore/cosign/v3/cmd/cosign', version: 'v3.1.3' });
/** No transparency log, no timestamps, no certificates: a key alone. */
const OFFLINE = ['--use-signing-config=false', '--tlog-upload=false', '--yes'];
const NO_LOG = ['--insecure-ignore-tlog'];

/** Where signatures go: the three ways that cosign has had, newest first. */
const SCHEMES = {
  'as bundles that refer to the image': { write: [], read: [], env: {}, asTags: false, cleans: true },
  'as artifacts that refer to the image': {
    write: ['--new-bundle-format=false', '--registry-referrers-mode=oci-1-1'],
    read: ['--new-bundle-format=false', '--experimental-oci11'],
    env: { COSIGN_EXPERIMENTAL: '1' },
    asTags: false,
    // `cosign clean` passes over these.
    cleans: false,
  },
  'as tags': {
    write: ['--new-bundle-format=false'],
    read: ['--new-bundle-format=false'],
    env: {},
    asTags: true,
    cleans: true,
  },
};

describe('cosign', function () {
  this.timeout(60_000);
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let client: RegistryClient;
  let cosign: ClientProgram;
  let program: string;
  let repository: string;
  let image: string;
  let digest: string;

  before(async function () {
    program = await needGoProgram(this, COSIGN);
    registry = await servedRegistry();
    person = await registry.person();
    client = new RegistryClient(`http://${registry.host}`, {
      username: person.name,
      password: person.password,
    });
    cosign = open();
    await login(cosign, { username: person.name, password: person.password });
    await run('generate-key-pair');
    await run('generate-key-pair', '--output-key-prefix', 'other');
    writeFileSync(cosign.path('predicate.json'), '{"packages":["idna"]}');
  });
  beforeEach(async () => {
    repository = `${person.name}/${uniqueName('app')}`;
    image = `${registry.host}/${repository}`;
    digest = await push('v1');
  });
  after(() => cosign?.dispose());

  const open = () => new ClientProgram(program, { COSIGN_PASSWORD: 'of the key', SIGSTORE_NO_CACHE: '1' });
  const run = (...args: string[]) => cosign.run(args);
  const sign = (reference: string, ...more: string[]) =>
    run('sign', '--key', 'cosign.key', ...OFFLINE, ...more, reference);
  const verify = (reference: string, ...more: string[]) =>
    run('verify', '--key', 'cosign.pub', ...NO_LOG, ...more, reference);

  function login(program: ClientProgram, { username, password }: Credentials): Promise<string> {
    return program.run(['login', registry.host, '--username', username, '--password-stdin'], {
      input: password,
    });
  }

  /** An image that no other test has; its digest. */
  async function push(tag: string): Promise<string> {
    const built = buildImage({ layers: [uniqueName('layer')] });
    assert.equal((await pushImage(client, repository, built, tag)).status, 201);
    return built.digest;
  }

  /** The tag that older versions keep a signature under. */
  const siblingTag = (kind: string) => `${digest.replace(':', '-')}.${kind}`;

  for (const [name, { write, read, env, asTags, cleans }] of Object.entries(SCHEMES)) {
    describe(name, () => {
      const signed = () =>
        cosign.run(['sign', '--key', 'cosign.key', ...OFFLINE, ...write, `${image}@${digest}`], { env });
      const verified = (reference = `${image}:v1`) => verify(reference, ...read);

      it('signs, shows and verifies', async () => {
        await assert.rejects(verified(), /no signatures found/);
        await signed();
        assert.ok((await verified()).includes(digest));
        assert.match(
          await run('tree', `${image}:v1`),
          /Signatures for an image tag|artifacts via OCI referrer/,
        );
        assert.deepEqual(await person.tagsOf(repository), asTags ? [siblingTag('sig'), 'v1'] : ['v1']);
      });

      if (cleans) {
        it('takes signatures away', async () => {
          await signed();
          await run('clean', '--force', `${image}:v1`);
          await assert.rejects(verified(), /no signatures found/);
          assert.deepEqual(await person.tagsOf(repository), ['v1']);
        });
      }

      it('takes no signature of another key, and none of another image', async () => {
        await signed();
        const other = ['--key', 'other.pub', ...NO_LOG, ...read];
        await assert.rejects(
          run('verify', ...other, `${image}:v1`),
          /no (matching )?signatures|invalid signature|failed to verify/i,
        );
        await push('v2');
        await assert.rejects(verified(`${image}:v2`), /no signatures found/);
      });

      it('attests, and verifies what was attested', async () => {
        const predicate = ['--type', 'custom', '--predicate', 'predicate.json'];
        // Attestations know two of the three ways.
        const flags = asTags ? write : [];
        await run('attest', '--key', 'cosign.key', ...OFFLINE, ...flags, ...predicate, `${image}@${digest}`);
        const printed = await run(
          ...[
            'verify-attestation',
            '--key',
            'cosign.pub',
            ...NO_LOG,
            ...flags,
            '--type',
            'custom',
            `${image}:v1`,
          ],
        );
        const { payload } = JSON.parse(printed.split('\n')[0] ?? '') as { payload: string };
        const statement = Buffer.from(payload, 'base64').toString();
        assert.ok(statement.includes(digest.slice('sha256:'.length)), statement);
        assert.match(statement, /idna/);
        await assert.rejects(
          run(
            'verify-attestation',
            '--key',
            'cosign.pub',
            ...NO_LOG,
            ...flags,
            '--type',
            'vuln',
            `${image}:v1`,
          ),
          /none of the attestations matched|no matching attestations/i,
        );
      });
    });
  }

  it('attaches a bill of materials as a tag and as an artifact, and reads it', async () => {
    writeFileSync(cosign.path('sbom.json'), '{"bomFormat":"CycloneDX"}');
    const sbom = ['attach', 'sbom', '--sbom', 'sbom.json', '--type', 'cyclonedx'];
    await run(...sbom, `${image}:v1`);
    assert.equal((await run('download', 'sbom', `${image}:v1`)).trim(), '{"bomFormat":"CycloneDX"}');
    assert.deepEqual(await person.tagsOf(repository), [siblingTag('sbom'), 'v1']);
    const env = { COSIGN_EXPERIMENTAL: '1' };
    await cosign.run([...sbom, '--registry-referrers-mode=oci-1-1', `${image}:v1`], { env });
    assert.match(await run('tree', `${image}:v1`), /artifact\.sbom\.v1\+json artifacts via OCI referrer/);
  });

  it('copies an image with its signatures, and saves and loads them', async () => {
    await sign(`${image}@${digest}`, '--new-bundle-format=false');
    assert.equal((await run('triangulate', `${image}:v1`)).trim(), `${image}:${siblingTag('sig')}`);
    await run('copy', `${image}:v1`, `${image}-copy:v1`);
    await verify(`${image}-copy:v1`, '--new-bundle-format=false');
    await run('save', `${image}:v1`, '--dir', `${digest}.saved`);
    await run('load', '--dir', `${digest}.saved`, `${image}-loaded:v1`);
    await verify(`${image}-loaded:v1`, '--new-bundle-format=false');
    // A copy leaves the image under the name that the fallback of referrers would have.
    await sign(`${image}-copy@${digest}`);
    await verify(`${image}-copy:v1`);
  });

  it('leaves nothing behind when the tag of an image is deleted', async () => {
    await sign(`${image}@${digest}`, '--new-bundle-format=false');
    assert.deepEqual(await person.tagsOf(repository), [siblingTag('sig'), 'v1']);
    await person.api('DELETE', `/repository/${repository}/tag/v1`);
    assert.deepEqual(await person.tagsOf(repository), []);
  });

  it('signs an index and all its images at once', async () => {
    const manifests = [
      { mediaType: OCI_MANIFEST, digest, size: 0, platform: { os: 'linux', architecture: 'amd64' } },
    ];
    const child = await client.expect(200, 'GET', `/v2/${repository}/manifests/${digest}`);
    Object.assign(manifests[0] ?? {}, { size: Number(child.headers.get('content-length')) });
    const type = 'application/vnd.oci.image.index.v1+json';
    await client.expect(201, 'PUT', `/v2/${repository}/manifests/multi`, {
      headers: { 'content-type': type },
      body: JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }),
    });
    await sign(`${image}:multi`, '--recursive');
    await verify(`${image}:multi`);
    await verify(`${image}:v1`);
  });

  it('is told that a password is wrong, at the first use', async () => {
    // Whoever guesses wrong has to wait a moment.
    const { name } = await registry.person();
    const other = await clientOf({ username: name, password: 'wrong' });
    await assert.rejects(other.run(['tree', `${image}:v1`]), /Invalid Username or Password/);
    other.dispose();
  });

  it('verifies with a robot that may only read, and is refused to sign', async () => {
    await sign(`${image}@${digest}`);
    const robot = await buildRobot(registry.dataSource, { namespace: person.account });
    const stranger = await registry.person();
    await grant(registry.dataSource, await person.repository(repository), robot.account, 'read');
    const reader = await clientOf({ username: robot.account.name, password: robot.token });
    const check = ['verify', '--key', cosign.path('cosign.pub'), ...NO_LOG, `${image}:v1`];
    await reader.run(check);
    const write = ['sign', '--key', cosign.path('cosign.key'), ...OFFLINE, `${image}@${digest}`];
    await assert.rejects(reader.run(write), /UNAUTHORIZED/);
    const other = await clientOf({ username: stranger.name, password: stranger.password });
    await assert.rejects(other.run(check), /UNAUTHORIZED/);
    const anonymous = open();
    await assert.rejects(anonymous.run(check), /UNAUTHORIZED/);
    await person.api('POST', `/repository/${repository}/changevisibility`, { visibility: 'public' });
    await anonymous.run(check);
    for (const opened of [reader, other, anonymous]) opened.dispose();
  });

  async function clientOf(credentials: Credentials): Promise<ClientProgram> {
    const opened = open();
    await login(opened, credentials);
    return opened;
  }
});
