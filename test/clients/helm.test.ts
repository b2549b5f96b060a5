import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { ClientProgram } from '../support/client-program';
import { uniqueName } from '../support/factories';
import { needGoProgram, soonNeeded } from '../support/go-program';
import type { Credentials } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';
import { servedRegistry } from '../support/served-registry';
import { itIsToldWhatItMayNot } from './refusals';

const HELM = soonNeeded({ package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' });
const HELM_CONFIG = 'application/vnd.cncf.helm.config.v1+json';

describe('helm', function () {
  this.timeout(60_000);
  let registry: ServedRegistry;
  let person: RegistryPerson;
  let helm: ClientProgram;
  let program: string;
  let chart: string;

  before(async function () {
    program = await needGoProgram(this, HELM);
    registry = await servedRegistry();
    person = await registry.person();
    helm = open();
    await login(helm, { username: person.name, password: person.password });
  });
  beforeEach(() => {
    chart = uniqueName('chart');
  });
  after(() => helm?.dispose());

  const open = () => new ClientProgram(program);
  const run = (...args: string[]) => helm.run(args);
  const charts = () => `${registry.host}/${person.name}/charts`;

  function login(client: ClientProgram, { username, password }: Credentials): Promise<string> {
    const credentials = ['--username', username, '--password-stdin', '--plain-http'];
    return client.run(['registry', 'login', registry.host, ...credentials], { input: password });
  }

  /** Packages a chart, pushes it below `parent`, and answers its digest. */
  async function push(client: ClientProgram, parent: string, name: string, version: string): Promise<string> {
    mkdirSync(client.path(name, 'templates'), { recursive: true });
    const fields = ['apiVersion: v2', `name: ${name}`, 'version: 0.0.0', 'description: a chart of a test'];
    writeFileSync(client.path(name, 'Chart.yaml'), fields.join('\n'));
    writeFileSync(client.path(name, 'templates', 'note.yaml'), 'kind: ConfigMap\n');
    await client.run(['package', name, '--version', version]);
    return send(client, parent, `${name}-${version}.tgz`);
  }

  async function send(client: ClientProgram, parent: string, archive: string): Promise<string> {
    const printed = await client.runForAll(['push', archive, `oci://${parent}`, '--plain-http']);
    return /Digest: (sha256:[0-9a-f]{64})/.exec(printed)?.[1] ?? assert.fail(printed);
  }

  const pull = (reference: string, ...more: string[]) =>
    run('pull', `oci://${reference}`, '--plain-http', ...more);
  const show = (reference: string, ...more: string[]) =>
    run('show', 'chart', `oci://${reference}`, '--plain-http', ...more);

  itIsToldWhatItMayNot(() => ({
    registry,
    open,
    login,
    push(client, reference) {
      const [, parent = '', name = '', version = ''] = /^(.*)\/(.*):(.*)$/.exec(reference) ?? [];
      return push(client, `${registry.host}/${parent}`, name, version);
    },
    pull: (client, reference) => client.run(['pull', `oci://${registry.host}/${reference}`, '--plain-http']),
  }));

  it('pushes a chart and pulls it back, unchanged', async () => {
    await push(helm, charts(), chart, '1.2.3');
    mkdirSync(helm.path('pulled'));
    await pull(`${charts()}/${chart}`, '--version', '1.2.3', '--destination', 'pulled');
    const name = `${chart}-1.2.3.tgz`;
    assert.deepEqual(readFileSync(helm.path('pulled', name)), readFileSync(helm.path(name)));
    await pull(`${charts()}/${chart}:1.2.3`, '--untar', '--untardir', `${chart}-files`);
    assert.deepEqual(readdirSync(helm.path(`${chart}-files`, chart)).sort(), ['Chart.yaml', 'templates']);
  });

  it('finds versions: the newest, one in a range, by tag and by digest', async () => {
    await push(helm, charts(), chart, '0.9.0');
    const digest = await push(helm, charts(), chart, '1.0.0');
    await push(helm, charts(), chart, '1.1.0+build.5');
    const reference = `${charts()}/${chart}`;
    assert.match(await show(reference), /^version: 1\.1\.0\+build\.5$/m);
    assert.match(await show(reference, '--version', '<1.0.0'), /^version: 0\.9\.0$/m);
    assert.match(await show(`${reference}:1.0.0`), /^version: 1\.0\.0$/m);
    assert.match(await show(`${reference}@${digest}`), /^version: 1\.0\.0$/m);
    await assert.rejects(show(reference, '--version', '3.0.0'), /not found|Could not locate a version/i);
    assert.deepEqual(await person.tagsOf(`${person.name}/charts/${chart}`), [
      '0.9.0',
      '1.0.0',
      '1.1.0_build.5',
    ]);
  });

  it('brings the provenance file of a chart with it', async () => {
    await run('create', chart);
    await run('package', chart);
    writeFileSync(helm.path(`${chart}-0.1.0.tgz.prov`), 'signed by nobody\n');
    await send(helm, charts(), `${chart}-0.1.0.tgz`);
    mkdirSync(helm.path('proven'));
    await pull(`${charts()}/${chart}:0.1.0`, '--prov', '--destination', 'proven');
    assert.equal(readFileSync(helm.path('proven', `${chart}-0.1.0.tgz.prov`), 'utf8'), 'signed by nobody\n');
  });

  it('uses a chart from the registry: as a dependency, and to render it', async () => {
    await push(helm, charts(), chart, '1.0.0');
    assert.match(await run('template', `oci://${charts()}/${chart}`, '--plain-http'), /kind: ConfigMap/);
    const umbrella = uniqueName('umbrella');
    await push(helm, charts(), umbrella, '1.0.0');
    const dependency = `dependencies:\n- name: ${chart}\n  version: 1.x\n  repository: oci://${charts()}\n`;
    writeFileSync(
      helm.path(umbrella, 'Chart.yaml'),
      `apiVersion: v2\nname: ${umbrella}\nversion: 1.0.0\n${dependency}`,
    );
    await run('dependency', 'update', umbrella, '--plain-http');
    assert.deepEqual(readdirSync(helm.path(umbrella, 'charts')), [`${chart}-1.0.0.tgz`]);
  });

  it('shows charts as what they are in the REST API', async () => {
    const digest = await push(helm, charts(), chart, '1.0.0');
    const path = `/repository/${person.name}/charts/${chart}`;
    const manifest = await person.api<{ config_media_type: string; is_manifest_list: boolean }>(
      'GET',
      `${path}/manifest/${digest}`,
    );
    assert.equal(manifest.config_media_type, HELM_CONFIG);
    const { repositories } = await person.api<{ repositories: { name: string }[] }>(
      'GET',
      `/repository?namespace=${person.name}`,
    );
    assert.ok(repositories.some(({ name }) => name === `charts/${chart}`));
    await person.api('DELETE', `${path}/tag/1.0.0`);
    await assert.rejects(show(`${charts()}/${chart}:1.0.0`), /not found/);
  });

  it('forgets a login', async () => {
    const digest = await push(helm, charts(), chart, '1.0.0');
    const other = open();
    await login(other, { username: person.name, password: person.password });
    const reading = ['show', 'chart', `oci://${charts()}/${chart}@${digest}`, '--plain-http'];
    await other.run(reading);
    await other.run(['registry', 'logout', registry.host]);
    await assert.rejects(other.run(reading), /unauthorized/);
    other.dispose();
  });
});
