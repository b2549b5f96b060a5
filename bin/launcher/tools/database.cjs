'use strict';

const { LauncherError } = require('../exit-codes.cjs');
const { isAtLeast } = require('../versions.cjs');

const SERVER_NAMES = ['mariadbd', 'mysqld'];
const SERVER_PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];
const CONTAINER_IMAGE = 'mariadb:10.11';

/**
 * Where to look for MariaDB or MySQL: a configured one, a server binary, a container, a Debian package.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ url?: string, docker?: { host: string }, packages: import('./system-packages.cjs').SystemPackages }} context
 * @returns {import('./search.cjs').Step<{ url?: string, bin?: string, kind?: string, version?: string, container?: string, dockerHost?: string }>[]}
 */
function databaseSteps(machine, { url, docker, packages }) {
  return [
    { where: 'DATABASE_URL', find: async () => (url ? { url } : 'not set') },
    { where: 'PATH', find: () => findServer(machine) },
    {
      where: 'the Docker engine',
      obtains: `run ${CONTAINER_IMAGE} in the Docker engine`,
      applies: () => Boolean(docker && machine.which('docker')),
      find: async () => {
        const env = { ...machine.env, DOCKER_HOST: docker.host };
        const { code } = await machine.capture('docker', ['pull', '-q', CONTAINER_IMAGE], {
          env,
          timeoutMs: 600_000,
        });
        if (code !== 0) return `the image ${CONTAINER_IMAGE} could not be pulled`;
        return { container: CONTAINER_IMAGE, dockerHost: docker.host, version: CONTAINER_IMAGE };
      },
    },
    {
      where: 'Debian',
      obtains: `install the Debian packages ${SERVER_PACKAGES.join(' ')}`,
      applies: () => packages.possible,
      find: async () => {
        try {
          await packages.install(SERVER_PACKAGES, 'Slipway keeps its data in a private MariaDB');
        } catch (error) {
          if (error instanceof LauncherError) return error.message;
          throw error;
        }
        return findServer(machine);
      },
    },
  ];
}

async function findServer(machine) {
  for (const name of SERVER_NAMES) {
    const bin = machine.which(name);
    if (!bin) continue;
    const { code, stdout } = await machine.capture(bin, ['--version'], { timeoutMs: 10_000 });
    if (code !== 0) continue;
    const isMariaDb = /mariadb/i.test(stdout);
    const version = (/Ver\s+(\S+)/.exec(stdout) ?? [])[1] ?? stdout.trim();
    if (!isAtLeast(version, isMariaDb ? '10.6' : '8.0')) return `${bin} is ${version}, too old`;
    return { bin, kind: isMariaDb ? 'mariadb' : 'mysql', version };
  }
  return 'no mariadbd or mysqld';
}

module.exports = { databaseSteps };
