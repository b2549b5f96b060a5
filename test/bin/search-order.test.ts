import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { LauncherError } from '../../bin/launcher/exit-codes.cjs';
import { createMachine } from '../../bin/launcher/machine.cjs';
import { createTerminal } from '../../bin/launcher/terminal.cjs';
import { databaseSteps } from '../../bin/launcher/tools/database.cjs';
import { dockerSteps } from '../../bin/launcher/tools/docker.cjs';
import { nodeSteps } from '../../bin/launcher/tools/node.cjs';
import { searchInOrder } from '../../bin/launcher/tools/search.cjs';
import { createSystemPackages } from '../../bin/launcher/tools/system-packages.cjs';
import { temporalSteps } from '../../bin/launcher/tools/temporal.cjs';

type Machine = ReturnType<typeof createMachine>;

/** A computer with nothing but the commands named: each answers the text given when it is called. */
function inventMachine(commands: Record<string, string> = {}, facts: Partial<Machine> = {}): Machine {
  const paths = new Map(Object.entries(commands).map(([name, answer]) => [`/opt/${name}`, answer]));
  return {
    ...createMachine({}),
    cache: '/nowhere/cache',
    isRoot: false,
    isDebian: false,
    which: (name: string) => (name in commands ? `/opt/${name}` : undefined),
    exists: (file: string) => paths.has(file),
    capture: (command: string) => {
      const answer = paths.get(command) ?? commands[command];
      return Promise.resolve(
        answer === undefined
          ? { code: 127, output: '', stdout: '' }
          : { code: 0, output: answer, stdout: answer },
      );
    },
    ...facts,
  };
}

const terminal = createTerminal({ out: new PassThrough() });
const noPackages = {
  possible: false,
  install: () => Promise.resolve(),
  ensureCommands: () => Promise.resolve(),
};

function debianPackages(outcome: 'installs' | 'fails', machine: Machine, added: Record<string, string>) {
  const installed: string[] = [];
  const install = (names: string[]) => {
    if (outcome === 'fails') {
      return Promise.reject(new LauncherError('systemPackage', 'apt-get could not install it'));
    }
    installed.push(...names);
    machine.which = (name: string) => (name in added ? `/usr/sbin/${name}` : undefined);
    machine.capture = (command: string) => {
      const answer = added[command.split('/').pop() ?? ''] ?? '';
      return Promise.resolve({ code: 0, output: answer, stdout: answer });
    };
    return Promise.resolve();
  };
  return { installed, packages: { ...noPackages, possible: true, install } };
}

describe('launcher search', () => {
  it('stops at the first find and says what it tried before', async () => {
    const result = await searchInOrder([
      { where: 'first', find: () => Promise.resolve('not there') },
      { where: 'second', find: () => Promise.resolve({ bin: '/second' }) },
      { where: 'third', find: () => Promise.reject(new Error('must not be asked')) },
    ]);
    assert.equal(result.where, 'second');
    assert.deepEqual(result.tried, [{ where: 'first', why: 'not there' }]);
  });

  it('changes nothing when it only looks', async () => {
    const result = await searchInOrder(
      [{ where: 'net', obtains: 'download it', find: () => Promise.reject(new Error('must not be called')) }],
      { obtain: false },
    );
    assert.equal(result.would, 'download it');
  });

  it('skips what does not apply here', async () => {
    const step = {
      where: 'apt',
      obtains: 'install',
      applies: () => false,
      find: () => Promise.reject(new Error('no')),
    };
    const result = await searchInOrder([step]);
    assert.equal(result.found, undefined);
  });
});

describe('launcher search for Node', () => {
  it('takes its own Node when that is new enough', async () => {
    const machine = inventMachine({}, { nodeVersion: 'v22.19.0', nodePath: '/own/node' });
    const { found } = await searchInOrder(nodeSteps(machine, terminal));
    assert.deepEqual(found, { bin: '/own/node', version: 'v22.19.0' });
  });

  it('would fetch Node 24 where its own is older and the cache is empty', async () => {
    const machine = inventMachine({ npm: '10.0.0' }, { nodeVersion: 'v18.20.0' });
    const { would } = await searchInOrder(nodeSteps(machine, terminal), { obtain: false });
    assert.match(would ?? '', /Node 24 from npm into \/nowhere\/cache\/node-24/);
  });

  it('finds nothing without npm', async () => {
    const { found, tried } = await searchInOrder(
      nodeSteps(inventMachine({}, { nodeVersion: 'v20.0.0' }), terminal),
    );
    assert.equal(found, undefined);
    assert.match(tried[0]?.why ?? '', /v20\.0\.0 is older than 22\.19/);
  });
});

describe('launcher search for Temporal', () => {
  it('prefers a configured server to everything', async () => {
    const machine = inventMachine({ temporal: 'temporal version 1.5.1 (Server 1.29.1)' });
    const { found } = await searchInOrder(
      temporalSteps(machine, terminal, { address: 'temporal.example:7233' }),
    );
    assert.deepEqual(found, { address: 'temporal.example:7233' });
  });

  it('then takes the CLI on PATH, and names the version of its server', async () => {
    const machine = inventMachine({ temporal: 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)' });
    const { found } = await searchInOrder(temporalSteps(machine, terminal));
    assert.deepEqual(found, { bin: '/opt/temporal', version: '1.29.1' });
  });

  it('goes on to the download before Go', async () => {
    const machine = inventMachine({ go: 'go version go1.26 linux/amd64' });
    const { would, tried } = await searchInOrder(temporalSteps(machine, terminal), { obtain: false });
    assert.match(would ?? '', /temporal\.download/);
    assert.deepEqual(
      tried.map(({ where }) => where),
      ['TEMPORAL_ADDRESS', 'PATH', 'the cache'],
    );
  });

  it('does not count on a Go that is too old', async () => {
    const machine = inventMachine({ go: 'go version go1.19 linux/amd64' }, { arch: 'riscv64' });
    const { found, would, tried } = await searchInOrder(temporalSteps(machine, terminal));
    assert.equal(found ?? would, undefined);
    assert.deepEqual(tried.at(-1), { where: 'Go', why: 'not possible here' });
  });

  it('says in one sentence that the cache cannot be written', async () => {
    const machine = inventMachine(
      { go: 'go version go1.26' },
      { cache: join(__filename, 'cache'), arch: 'riscv64' },
    );
    await assert.rejects(searchInOrder(temporalSteps(machine, terminal)), (error: LauncherError) => {
      assert.equal(error.exitCode, 21);
      return /cache folder .* cannot be written .* XDG_CACHE_HOME/.test(error.message);
    });
  });
});

describe('launcher search for a database', () => {
  const mariadb = 'mariadbd  Ver 10.11.6-MariaDB for debian-linux-gnu on x86_64';

  it('uses DATABASE_URL when it is set', async () => {
    const steps = databaseSteps(inventMachine({ mariadbd: mariadb }), {
      url: 'mysql://db/x',
      packages: noPackages,
    });
    assert.deepEqual((await searchInOrder(steps)).found, { url: 'mysql://db/x' });
  });

  it('then a server binary, before a container', async () => {
    const machine = inventMachine({ mariadbd: mariadb, docker: '' });
    const steps = databaseSteps(machine, { docker: { host: 'unix:///x' }, packages: noPackages });
    const { found } = await searchInOrder(steps);
    assert.deepEqual(found, { bin: '/opt/mariadbd', kind: 'mariadb', version: '10.11.6-MariaDB' });
  });

  it('refuses a server that lacks SKIP LOCKED', async () => {
    const steps = databaseSteps(inventMachine({ mysqld: 'mysqld  Ver 5.7.44' }), { packages: noPackages });
    const { found, tried } = await searchInOrder(steps);
    assert.equal(found, undefined);
    assert.match(tried[1]?.why ?? '', /5\.7\.44, too old/);
  });

  it('then a container, before a package', async () => {
    const machine = inventMachine({ docker: '' });
    const { packages, installed } = debianPackages('installs', machine, {});
    const steps = databaseSteps(machine, { docker: { host: 'unix:///x' }, packages });
    assert.equal((await searchInOrder(steps)).where, 'the Docker engine');
    assert.deepEqual(installed, []);
  });

  it('then the Debian package', async () => {
    const machine = inventMachine();
    const { packages, installed } = debianPackages('installs', machine, { mariadbd: mariadb });
    const { found } = await searchInOrder(databaseSteps(machine, { packages }));
    assert.equal(found?.kind, 'mariadb');
    assert.deepEqual(installed, ['mariadb-server-core', 'mariadb-client-core']);
  });

  it('ends with the reason of a package that could not be installed', async () => {
    const machine = inventMachine();
    const { packages } = debianPackages('fails', machine, {});
    const { found, tried } = await searchInOrder(databaseSteps(machine, { packages }));
    assert.equal(found, undefined);
    assert.match(tried.at(-1)?.why ?? '', /apt-get could not install it/);
  });
});

describe('launcher search for a Docker engine', () => {
  const answers = (expected: string) => (host: string) =>
    Promise.resolve(host === expected ? { host, version: '28.0' } : undefined);

  it('prefers DOCKER_HOST to the usual sockets', async () => {
    const machine = inventMachine({}, { exists: () => true });
    const ping = (host: string) => Promise.resolve({ host, version: '28.0' });
    const { found } = await searchInOrder(
      dockerSteps(machine, { host: 'tcp://engine:2375', packages: noPackages, ping }),
    );
    assert.deepEqual(found, { host: 'tcp://engine:2375', version: '28.0' });
  });

  it('passes over a socket that nobody answers on', async () => {
    const machine = inventMachine({}, { exists: () => true, env: { HOME: '/home/u' } });
    const ping = answers('unix:///home/u/.docker/run/docker.sock');
    const { found } = await searchInOrder(dockerSteps(machine, { packages: noPackages, ping }));
    assert.equal(found?.host, 'unix:///home/u/.docker/run/docker.sock');
  });

  it('starts a private engine only as root', async () => {
    const commands = { dockerd: 'Docker version 20.10.24+dfsg1, build 5d6db84', ip: '', iptables: '' };
    const ping = () => Promise.resolve(undefined);
    const asRoot = await searchInOrder(
      dockerSteps(inventMachine(commands, { isRoot: true }), { packages: noPackages, ping }),
    );
    assert.deepEqual(asRoot.found, { dockerd: '/opt/dockerd', version: '20.10.24+dfsg1' });
    const asUser = await searchInOrder(dockerSteps(inventMachine(commands), { packages: noPackages, ping }));
    assert.equal(asUser.found, undefined);
  });

  it('installs packages where dockerd has no ip command for its bridge', async () => {
    const machine = inventMachine({ dockerd: 'Docker version 20.10.24, build 1' }, { isRoot: true });
    const { packages, installed } = debianPackages('installs', machine, {
      dockerd: 'Docker version 20.10.24, build 1',
      ip: '',
      iptables: '',
    });
    const { found } = await searchInOrder(
      dockerSteps(machine, { packages, ping: () => Promise.resolve(undefined) }),
    );
    assert.equal(found?.dockerd, '/usr/sbin/dockerd');
    assert.ok(installed.includes('iproute2'));
  });
});

describe('launcher system packages', () => {
  it('tells anyone but root on Debian what to install', async () => {
    const packages = createSystemPackages(inventMachine(), terminal);
    await assert.rejects(
      packages.ensureCommands({ skopeo: 'skopeo' }, 'the tests use them'),
      (error: LauncherError) => {
        assert.equal(error.exitCode, 16);
        return /skopeo is missing .* install it yourself/.test(error.message);
      },
    );
  });

  it('asks for nothing when every command is there', async () => {
    const packages = createSystemPackages(inventMachine({ git: '' }), terminal);
    await packages.ensureCommands({ git: 'git' }, 'builds clone from git');
  });
});
