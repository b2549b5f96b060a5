import assert from 'node:assert/strict';

import { loadConfig } from '../../config/load';
import { QUEUES } from '../../workflows/shared/queues';
import type { ComposeProject, ComposeService } from '../support/compose-config';
import { composeConfig, composeTool } from '../support/compose-config';

const SECRETS = {
  MYSQL_ROOT_PASSWORD: 'root-for-tests',
  MYSQL_PASSWORD: 'slipway-for-tests',
  TEMPORAL_DB_PASSWORD: 'temporal-for-tests',
  DATABASE_SECRET_KEY: 'a secret key for tests',
};
const JOBS = ['migrate', 'temporal-schema', 'temporal-namespace'];
const OURS = ['serve', 'relay', 'orchestration', 'scan', 'deliver', 'maintenance', 'builder'];

describe('docker-compose.yml', function () {
  this.timeout(120_000);
  let project: ComposeProject;

  before(function () {
    const tool = composeTool();
    if (typeof tool !== 'string') {
      console.log(`    skipped: ${tool.missing}`);
      this.skip();
    }
    project = composeConfig(SECRETS);
  });

  function service(name: string): ComposeService {
    const found = project.services[name];
    assert.ok(found, `no service "${name}"`);
    return found;
  }

  function entries(): [string, ComposeService][] {
    return Object.entries(project.services);
  }

  it('names every secret that is not set, and has a default for none', () => {
    for (const name of Object.keys(SECRETS)) {
      const others = Object.fromEntries(Object.entries(SECRETS).filter(([other]) => other !== name));
      assert.throws(
        () => composeConfig(others),
        new RegExp(`required variable ${name} is missing a value: set it in .env`),
      );
    }
  });

  it('gives every process a configuration that the product takes', () => {
    for (const name of [...OURS, 'migrate']) {
      const config = loadConfig({
        ...service(name).environment,
        DISTRIBUTED_STORAGE_CONFIG:
          '{"default":["LocalStorage",{"storage_path":"/var/lib/slipway/storage"}]}',
      });
      assert.equal(config.SERVER_HOSTNAME, 'slipway.localhost:8080');
      assert.deepEqual(config.SUPER_USERS, ['admin']);
      assert.equal(config.MAIL_SERVER, 'mailpit');
    }
  });

  it('runs two serve behind nginx on one blob volume, which nginx only reads', () => {
    assert.equal(service('serve').deploy?.replicas, 2);
    assert.equal(service('serve').ports, undefined);
    const volumeOf = (name: string) =>
      service(name).volumes?.find(({ target }) => target === '/var/lib/slipway/storage');
    assert.equal(volumeOf('serve')?.source, 'blobs');
    assert.equal(volumeOf('nginx')?.source, 'blobs');
    assert.equal(volumeOf('nginx')?.read_only, true);
    assert.equal(service('nginx').user, '10001:10001');
    assert.equal(service('serve').environment?.BLOB_HANDOFF_LOCATION, '/_blobs/');
  });

  it('has a worker for every queue', () => {
    const served = entries().flatMap(([, { command }]) =>
      command?.[0] === 'worker' ? (command[2] ?? '').split(',') : [],
    );
    assert.deepEqual(served.sort(), Object.keys(QUEUES).sort());
  });

  it('looks after every process: health, restart, an end in time', () => {
    for (const [name, { healthcheck, restart, stop_grace_period: grace }] of entries()) {
      if (JOBS.includes(name)) {
        assert.match(restart ?? '', /^on-failure:\d+$/, name);
        assert.equal(healthcheck?.disable, true, name);
        continue;
      }
      assert.equal(restart, 'unless-stopped', name);
      assert.ok((healthcheck?.test?.length ?? 0) > 1, `${name} has no health check`);
      if (OURS.includes(name)) assert.ok(grace, `${name} has no time to end`);
    }
  });

  it('starts each after what it needs, and serve without Temporal', () => {
    const needs = (name: string) =>
      Object.fromEntries(
        Object.entries(service(name).depends_on ?? {}).map(([other, { condition }]) => [other, condition]),
      );
    const completed = 'service_completed_successfully';
    const healthy = 'service_healthy';
    assert.deepEqual(needs('temporal-schema'), { mysql: healthy });
    assert.deepEqual(needs('temporal'), { 'temporal-schema': completed });
    assert.deepEqual(needs('temporal-namespace'), { temporal: healthy });
    assert.deepEqual(needs('migrate'), { mysql: healthy });
    assert.deepEqual(needs('serve'), { migrate: completed });
    assert.deepEqual(needs('relay'), { migrate: completed });
    assert.deepEqual(needs('nginx'), { serve: healthy });
    assert.deepEqual(needs('scan'), { migrate: completed, 'temporal-namespace': completed });
    assert.deepEqual(needs('builder'), { ...needs('scan'), engine: healthy });
  });

  it('publishes only the registry, and the two pages on loopback', () => {
    const published = entries().flatMap(([name, { ports = [] }]) =>
      ports.map((port) => `${name} ${port.host_ip}:${port.published}`),
    );
    assert.deepEqual(published.sort(), [
      'mailpit 127.0.0.1:8025',
      'nginx 127.0.0.1:8080',
      'temporal-ui 127.0.0.1:8233',
    ]);
  });

  it('keeps builds away from database, Temporal and every port of their engine', () => {
    const { networks, command, privileged } = service('engine');
    assert.deepEqual(Object.keys(networks ?? {}), ['engine']);
    assert.deepEqual(
      command?.filter((argument) => argument.startsWith('--host')),
      ['--host=unix:///run/engine/docker.sock'],
    );
    assert.deepEqual(
      entries()
        .filter(([, { volumes = [] }]) => volumes.some(({ source }) => source === 'engine-socket'))
        .map(([name]) => name)
        .sort(),
      ['builder', 'engine'],
    );
    assert.equal(privileged, true);
    assert.deepEqual(
      entries()
        .filter(([, other]) => other.privileged)
        .map(([name]) => name),
      ['engine'],
    );
    const onEngineNetwork = entries().filter(([, other]) => other.networks && 'engine' in other.networks);
    assert.deepEqual(onEngineNetwork.map(([name]) => name).sort(), ['engine', 'nginx']);
    assert.deepEqual(service('nginx').networks?.engine?.aliases, ['slipway.localhost']);
    assert.equal(project.networks.backend?.internal, true);
  });

  it('lets no process of ours write to its image', () => {
    for (const name of [...OURS, 'migrate', 'nginx']) assert.equal(service(name).read_only, true, name);
    for (const name of OURS) assert.equal(service(name).init, true, name);
  });

  it('pins every image of others, and gives Temporal and its tools one version', () => {
    for (const [name, { image = '' }] of entries()) {
      if (image !== 'slipway:local') assert.match(image, /^[\w./-]+:v?\d+(\.\d+)*(-\w+)?$/, name);
    }
    const version = (name: string) => service(name).image?.split(':')[1];
    assert.equal(version('temporal'), version('temporal-schema'));
    assert.equal(version('temporal'), version('temporal-namespace'));
  });
});
