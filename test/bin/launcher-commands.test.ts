import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { countTests } from '../../bin/launcher/commands/test.cjs';
import { EXIT_CODES } from '../../bin/launcher/exit-codes.cjs';
import { homeLayout } from '../../bin/launcher/layout.cjs';
import { parseOptions } from '../../bin/launcher/options.cjs';
import { packagesFit } from '../../bin/launcher/tools/npm-packages.cjs';
import { sourceDigest } from '../../bin/launcher/tools/product-build.cjs';

describe('launcher commands', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-commands-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const call = (...args: string[]) =>
    spawnSync(process.execPath, [resolve('bin', 'slipway'), ...args], {
      env: { ...process.env, SLIPWAY_HOME: folder },
      encoding: 'utf8',
    });

  it('documents every exit code in --help, and each command in its own', () => {
    const { stdout, status } = call('--help');
    assert.equal(status, 0);
    for (const [code, meaning] of Object.values(EXIT_CODES)) {
      assert.ok(stdout.includes(`${code}  ${meaning}`));
    }
    assert.match(call('status', '--help').stdout, /Usage: bin\/slipway status \[--json\]/);
  });

  it('prints its version', () => assert.match(call('--version').stdout, /^\d+\.\d+\.\d+\n$/));

  it('refuses an unknown option with code 2', () => {
    const { status, stderr } = call('start', '--frobnicate');
    assert.equal(status, 2);
    assert.match(stderr, /unknown option "--frobnicate"/);
    assert.equal(call('--frobnicate').status, 2);
  });

  it('says that nothing runs, in words and as JSON', () => {
    assert.match(call('status').stdout, /not running in/);
    const seen = JSON.parse(call('status', '--json').stdout) as { isRunning: boolean; parts: unknown[] };
    assert.deepEqual([seen.isRunning, seen.parts], [false, []]);
    assert.equal(call('admin', 'token').status, 3);
    assert.match(call('admin', 'password').stderr, /no password is kept/);
  });

  it('names the logs that there are', () => {
    mkdirSync(join(folder, 'logs'));
    writeFileSync(join(folder, 'logs', 'serve.log'), 'first\nsecond\n');
    assert.equal(call('logs', 'serve').stdout, 'first\nsecond\n');
    assert.equal(call('logs').stdout, 'serve | first\nserve | second\n');
    assert.match(call('logs', 'nothing').stderr, /no log of "nothing" in .*, there are: serve/);
  });

  it('runs a command on the chosen Node and passes its exit code on', () => {
    assert.equal(call('exec', 'node', '-e', 'process.exit(9)').status, 9);
    assert.match(call('exec', 'no-such-command').stderr, /there is no command "no-such-command"/);
  });

  it('separates its own options from those of others', () => {
    assert.deepEqual(
      parseOptions(['--yes', '--grep', 'x', 'a.test.ts'], { flags: ['yes'], passesOn: true }),
      {
        yes: true,
        rest: ['--grep', 'x', 'a.test.ts'],
      },
    );
    assert.deepEqual(
      parseOptions(['serve', '-f'], { flags: ['follow'], short: { f: 'follow' }, mostArguments: 1 }),
      {
        follow: true,
        rest: ['serve'],
      },
    );
    assert.throws(() => parseOptions(['extra'], {}), /unexpected argument "extra"/);
  });

  it("reads mocha's summary, coloured or not", () => {
    const summary =
      '\x1b[32m \x1b[0m\x1b[92m \x1b[0m\x1b[32m 12 passing\x1b[0m\x1b[90m (2s)\x1b[0m\n\x1b[36m  1 pending\x1b[0m\n\x1b[31m  3 failing\x1b[0m\n';
    assert.deepEqual(countTests(summary), { passes: 12, failures: 3 });
    assert.deepEqual(countTests('nothing ran'), { passes: 0, failures: 0 });
  });

  it('keeps sockets short however deep the folder lies', () => {
    const deep = homeLayout({ SLIPWAY_HOME: join('/srv', 'x'.repeat(120)) });
    assert.ok(deep.dockerSocket.length < 108 && deep.databaseSocket.length < 108);
    const shallow = homeLayout({ SLIPWAY_HOME: '/srv/slipway' });
    assert.equal(shallow.dockerSocket, '/srv/slipway/run/docker.sock');
  });

  it('sees whether node_modules is what the lockfile says', () => {
    const lock = (version: string) => ({
      packages: {
        '': {},
        'node_modules/a': { version },
        'node_modules/b': { version: '1.0.0', optional: true },
      },
    });
    const write = (file: string, value: object) => writeFileSync(join(folder, file), JSON.stringify(value));
    write('package-lock.json', lock('1.0.0'));
    assert.equal(packagesFit(folder), false);
    mkdirSync(join(folder, 'node_modules'));
    write('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
    assert.equal(packagesFit(folder), true);
    write('package-lock.json', lock('1.0.1'));
    assert.equal(packagesFit(folder), false);
  });

  it('builds again when a source changed, not when it was only touched or a test changed', () => {
    mkdirSync(join(folder, 'api'));
    mkdirSync(join(folder, 'test'));
    writeFileSync(join(folder, 'api', 'routes.ts'), 'one');
    const before = sourceDigest(folder);
    utimesSync(join(folder, 'api', 'routes.ts'), 1, 1);
    writeFileSync(join(folder, 'test', 'routes.test.ts'), 'test');
    assert.equal(sourceDigest(folder), before);
    writeFileSync(join(folder, 'api', 'routes.ts'), 'two');
    assert.notEqual(sourceDigest(folder), before);
  });
});
