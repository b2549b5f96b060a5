import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import type { Ended, Missing } from '../support/machine';
import { Machine, canMakeMachines } from '../support/machine';

// A refused start takes a second; this leaves room for a busy machine and none for minutes of trying.
const REFUSED_WITHIN_MS = 15_000;

const DATABASES = ['mariadbd', 'mysqld'];

describe('npm start where a part is missing', function () {
  this.timeout(60_000);

  let machine: Machine;

  before(function () {
    if (!canMakeMachines()) this.skip();
  });

  beforeEach(() => {
    machine = new Machine();
  });

  afterEach(() => machine.dispose());

  /** Ends with this code and one sentence, soon, and leaves nothing. */
  async function isRefused(code: number, sentence: RegExp, missing: Missing = {}): Promise<Ended> {
    const result = await machine.run(['start', '--yes'], missing);
    assert.equal(result.code, code, result.output);
    const sentences = result.output.split('\n').filter((line) => line.startsWith('slipway: '));
    assert.equal(sentences.length, 1, result.output);
    assert.match(sentences[0] ?? '', sentence);
    assert.doesNotMatch(result.output, /unexpected error|^ +at /m);
    assert.ok(result.tookMs < REFUSED_WITHIN_MS, `it took ${result.tookMs} ms`);
    return result;
  }

  const withoutTemporal = () => machine.forgetTemporal();

  describe('Temporal', () => {
    it('says 14 without network, Go and CLI', async () => {
      withoutTemporal();
      await isRefused(
        14,
        /no Temporal server \(temporal\.download: no download \(no network\)\): check the network, .*Go 1\.25/,
        {
          commands: ['go', 'temporal'],
          network: false,
        },
      );
    });

    it('says 14 without network although Go is there', async () => {
      withoutTemporal();
      machine.standIn(
        'go',
        'case $1 in version) echo go version go1.26 linux/amd64;; *) echo "dial tcp: lookup proxy.golang.org: no such host" >&2; exit 1;; esac',
      );
      await isRefused(14, /Go: go install failed \(no network\)\): check the network/, {
        commands: ['temporal'],
        network: false,
      });
      assert.deepEqual(readdirSync(join(machine.cache, 'slipway', 'bin')), []);
    });

    it('says 14 for a binary that is corrupt, and keeps it until there is a better one', async () => {
      withoutTemporal();
      const binary = join(machine.cache, 'slipway', 'bin', 'temporal');
      writeFileSync(binary, 'not a program', { mode: 0o755 });
      await isRefused(14, /the cache: \S+ does not run here; temporal\.download/, {
        commands: ['go', 'temporal'],
        network: false,
      });
      assert.equal(existsSync(binary), true);
    });

    it('says 21 where it cannot be kept', async () => {
      withoutTemporal();
      await isRefused(
        21,
        /cache folder \S+ cannot be written \(EROFS\): make it writable or set XDG_CACHE_HOME/,
        {
          commands: ['temporal'],
          readOnly: [machine.cache],
        },
      );
    });

    it('says 19 for one that dies at its start, with what it said', async () => {
      machine.standIn(
        'temporal',
        '[ "$1" = --version ] && exec echo "temporal version 1.5.1 (Server 1.29.1)"\necho "cannot open its database" >&2; exit 2',
      );
      const { output } = await isRefused(
        19,
        /temporal did not start \(ended with code 2\), see \S+temporal\.log/,
      );
      assert.match(output, /cannot open its database/);
    });
  });

  describe('MariaDB', () => {
    it('says 13 without a server', async () => {
      await isRefused(
        13,
        /no MariaDB or MySQL \(PATH: no mariadbd or mysqld\): install mariadb-server, or set DATABASE_URL/,
        {
          commands: DATABASES,
        },
      );
    });

    it('says 13 without the command that makes its data folder', async () => {
      await isRefused(13, /mariadb-install-db is missing/, {
        commands: ['mariadb-install-db', 'mysql_install_db'],
      });
      assert.deepEqual(
        readdirSync(machine.home).filter((name) => name.startsWith('mysql')),
        [],
      );
    });

    it('says 19 for a server that dies at its start, with what it said', async () => {
      const real = 'exec /usr/sbin/mariadbd "$@"';
      machine.standIn(
        'mariadbd',
        `case "$*" in *--version*) ${real};; *) echo "[ERROR] tablespace is corrupt" >&2; exit 1;; esac`,
      );
      const { output } = await isRefused(
        19,
        /database did not start \(ended with code 1\), see \S+database\.log/,
      );
      assert.match(output, /tablespace is corrupt/);
    });
  });

  describe('Node and npm', () => {
    const withoutPackages = () => rmSync(join(machine.checkout, 'node_modules'));

    it('says 11 without npm', async () => {
      withoutPackages();
      await isRefused(11, /npm is missing: install it/, { commands: ['npm'] });
    });

    it('says 11 without network, within seconds', async () => {
      withoutPackages();
      await isRefused(11, /npm ci failed \(no network\): check the network/, { network: false });
      assert.equal(existsSync(join(machine.checkout, 'node_modules')), false);
    });

    it('says 10 for an old Node where none can be fetched', async () => {
      const preload = join(machine.folder, 'old.cjs');
      writeFileSync(
        preload,
        "if (/slipway$/.test(process.argv[1])) Object.defineProperty(process, 'version', { value: 'v20.1.0' });",
      );
      await isRefused(
        10,
        /no Node 22\.19 or newer \(.*v20\.1\.0 is older.*no network\)\): check the network, install Node 24/,
        {
          network: false,
          env: { NODE_OPTIONS: `--require ${preload}` },
        },
      );
    });

    it('says 11 for a checkout of somebody else that was never installed', async () => {
      withoutPackages();
      await isRefused(11, /checkout \S+ cannot be written \(EROFS\)/, { readOnly: [machine.checkout] });
    });
  });

  describe('room to write', () => {
    it('says 20 on a disk that is almost full', async () => {
      mkdirSync(machine.home);
      const small = { folder: machine.home, mebibytes: 100 };
      await isRefused(
        20,
        /only 100 MiB are free for \S+, Slipway needs 500: free some space or set SLIPWAY_HOME/,
        { small },
      );
      assert.deepEqual(readdirSync(machine.home), []);
    });

    it('says 22 where the data folder cannot be written', async () => {
      mkdirSync(machine.home);
      await isRefused(22, /data folder \S+ cannot be written \(EROFS\)/, { readOnly: [machine.home] });
      rmSync(machine.home, { recursive: true });
      writeFileSync(machine.home, 'a file');
      await isRefused(22, /cannot be written \(ENOTDIR|EEXIST\)/);
      rmSync(machine.home);
    });

    it('says 23 where the temporary folder cannot be written', async () => {
      await isRefused(23, /temporary folder \S+ cannot be written \(EROFS\): .* TMPDIR/, {
        readOnly: [machine.temporary],
      });
      await isRefused(23, /it does not exist/, { env: { TMPDIR: '/nowhere/at/all' } });
    });
  });

  describe('configuration', () => {
    const config = () => join(machine.home, 'config.yaml');
    /** A first start that is refused has made the configuration. */
    const made = async () => {
      await machine.run(['start'], { commands: DATABASES });
      return readFileSync(config(), 'utf8');
    };

    it('says 18 for each way to break it, before anything starts', async () => {
      const good = await made();
      for (const [text, sentence] of [
        ['a: [', /config\.yaml cannot be read \(.*\): mend it or move it away/],
        ['', /config\.yaml lacks SERVER_HOSTNAME, LISTEN_PORT/],
        [
          good.replace(/^LISTEN_PORT.*/m, 'LISTEN_PORT: 99999'),
          /LISTEN_PORT in config\.yaml is not a port number/,
        ],
        [
          good.replace(/^DATABASE_URL.*/m, 'DATABASE_URL: nonsense'),
          /DATABASE_URL in config\.yaml is not an address/,
        ],
        [
          good.replace(/^MAIL_PORT.*/m, 'MAIL_PORT: x'),
          /config\.yaml: MAIL_PORT: .*: mend it, then start again/,
        ],
      ] as const) {
        writeFileSync(config(), text);
        await isRefused(18, sentence);
      }
      assert.deepEqual(readdirSync(join(machine.home, 'logs')), []);
    });

    it('says 17 for a port that somebody else took meanwhile, and who', async () => {
      const port = /^LISTEN_PORT: (\d+)$/m.exec(await made())?.[1];
      const other = createServer().listen(Number(port), '127.0.0.1');
      await once(other, 'listening');
      try {
        const sentence = new RegExp(
          `port ${port} is taken by .*: end that, or change LISTEN_PORT in config\\.yaml`,
        );
        await isRefused(17, sentence);
      } finally {
        other.close();
      }
    });
  });

  describe('the demo', () => {
    it('says 15 without a Docker engine, before anything starts', async () => {
      const result = await machine.run(['demo']);
      assert.equal(result.code, 15, result.output);
      assert.match(
        result.output,
        /slipway: the demo builds an image, and builds are off: no Docker engine \(.*\): .* or set DOCKER_HOST/,
      );
      assert.ok(result.tookMs < REFUSED_WITHIN_MS);
    });
  });
});
