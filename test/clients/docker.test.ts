import { strict as assert } from 'node:assert';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { dockerHost, dockerIsMissing, importSmallImage } from '../support/docker';
import { buildRepository, buildUser, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';

const run = promisify(execFile);

/** What is missing on this machine for the tests below. */
function missing(): string | undefined {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'the docker client is not installed here';
  }
  return dockerIsMissing();
}

describe('docker', function () {
  this.timeout(120_000);
  const reason = missing();
  let registry: TestRegistry;
  let user: string;
  let config: string;
  let host: string;
  let image: string;
  const nowMs = Date.now();

  before(async function () {
    if (reason !== undefined) {
      console.log(`      ${reason}`);
      return this.skip();
    }
    host = await dockerHost();
    // The clock stands still: half a second after a wrong password may be over before the client has started again.
    registry = await startRegistry({ now: () => nowMs });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    user = account.name;
    config = mkdtempSync(join(tmpdir(), 'slipway-test-docker-'));
    image = `${registry.host}/${user}/${uniqueName('app')}:v1`;
    await importSmallImage(image);
  });
  after(async () => {
    if (reason !== undefined) return;
    await docker('image', 'rm', '--force', image);
    rmSync(config, { recursive: true, force: true });
    await registry.close();
  });

  const docker = (...args: string[]) => run('docker', ['--host', host, '--config', config, ...args]);
  const login = (password: string, name = user) =>
    docker('login', '--username', name, '--password', password, registry.host);

  it('is told that a password is wrong', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    await assert.rejects(login('wrong', account.name), /unauthorized|Invalid Username or Password/i);
  });

  it('is told to wait after a wrong password', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    await assert.rejects(login('wrong', account.name));
    await assert.rejects(login('secret', account.name), /Too many login attempts/);
  });

  it('logs in, pushes, and pulls back the same image', async () => {
    await login('secret');
    const pushed = await docker('push', image);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.stdout)?.[1];
    assert.ok(digest, pushed.stdout);
    await docker('image', 'rm', image);
    const pulled = await docker('pull', image);
    assert.ok(pulled.stdout.includes(digest), pulled.stdout);
    const again = await docker('push', image);
    assert.match(again.stdout, /Layer already exists/);
  });

  it('is refused where it may not push or pull', async () => {
    await login('secret');
    const { account } = await buildUser(registry.dataSource);
    const { name } = await buildRepository(registry.dataSource, { namespace: account });
    const theirs = `${registry.host}/${account.name}/${name}:v1`;
    await docker('tag', image, theirs);
    await assert.rejects(docker('push', theirs), /unauthorized|denied/i);
    await docker('image', 'rm', theirs);
    await assert.rejects(docker('pull', theirs), /unauthorized|denied/i);
  });
});
