import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { docker, dockerHost, dockerIsMissing, importSmallImage } from '../support/docker';
import { uniqueName } from '../support/factories';
import type { Person, Product } from '../support/product';
import { product } from '../support/product';

const execute = promisify(execFile);

interface Outcome {
  code: number;
  output: string;
}

describe('real clients', function () {
  this.timeout(180_000);
  let made: Product;
  let folder: string;
  let owner: Person;

  before(async function () {
    if (dockerIsMissing()) this.skip();
    made = await product();
    folder = mkdtempSync(join(tmpdir(), 'slipway-clients-'));
    owner = await made.person();
    await importSmallImage(`${made.host}/${owner.name}/app:one`);
  });

  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** One client run with credentials of its own. */
  async function run(command: string, args: string[], home: string): Promise<Outcome> {
    const env = { PATH: process.env.PATH, HOME: home, DOCKER_HOST: await dockerHost(), DOCKER_CONFIG: home };
    try {
      const { stdout, stderr } = await execute(command, args, { env, maxBuffer: 16 * 1024 * 1024 });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: `${stdout}${stderr}` };
    }
  }

  const home = (person: { name: string }) => join(folder, person.name);

  async function login(person: { name: string; password: string }): Promise<Outcome> {
    return run('docker', ['login', made.host, '-u', person.name, '-p', person.password], home(person));
  }

  describe('docker', () => {
    it('logs in, pushes and pulls', async () => {
      assert.match((await login(owner)).output, /Login Succeeded/);
      const reference = `${made.host}/${owner.name}/app:one`;
      const push = await run('docker', ['push', reference], home(owner));
      assert.equal(push.code, 0, push.output);
      await (await docker()).getImage(reference).remove();
      const pull = await run('docker', ['pull', reference], home(owner));
      assert.equal(pull.code, 0, pull.output);
      const digest = /Digest: (sha256:[0-9a-f]{64})/.exec(pull.output)?.[1];
      assert.ok(digest && push.output.includes(digest));
    });

    it('is told of a wrong password', async () => {
      const { code, output } = await login({ name: owner.name, password: 'not the password' });
      assert.notEqual(code, 0);
      assert.match(output, /unauthorized|Invalid Username or Password/i);
    });

    it('is refused where it may not push, and where it may not pull', async () => {
      const stranger = await made.person();
      await login(stranger);
      const theirs = `${made.host}/${owner.name}/app:two`;
      await (await docker()).getImage(`${made.host}/${owner.name}/app:one`).tag({
        repo: `${made.host}/${owner.name}/app`,
        tag: 'two',
      });
      for (const verb of ['push', 'pull']) {
        const { code, output } = await run('docker', [verb, theirs], home(stranger));
        assert.notEqual(code, 0);
        assert.match(output, /denied|unauthorized/i);
      }
    });

    it('pulls a public repository without any login', async () => {
      const visibility = { visibility: 'public' };
      const path = `${owner.name}/app`;
      const changed = await owner.call('POST', `/repository/${path}/changevisibility`, visibility);
      assert.equal(changed.status, 200);
      const { code, output } = await run(
        'docker',
        ['pull', `${made.host}/${path}:one`],
        join(folder, 'nobody'),
      );
      assert.equal(code, 0, output);
    });
  });

  describe('skopeo', () => {
    const skopeo = (...args: string[]) => run('skopeo', args, home(owner));

    it('copies, inspects, lists and deletes', async () => {
      const { name, password } = owner;
      const credentials = `${name}:${password}`;
      const target = `docker://${made.host}/${name}/${uniqueName('copy')}`;
      const copy = await skopeo(
        ...['copy', '--src-tls-verify=false', '--dest-tls-verify=false', '--src-creds', credentials],
        ...['--dest-creds', credentials, `docker://${made.host}/${name}/app:one`, `${target}:v1`],
      );
      assert.equal(copy.code, 0, copy.output);
      const options = ['--tls-verify=false', '--creds', credentials];
      const inspect = await skopeo('inspect', ...options, `${target}:v1`);
      assert.equal((JSON.parse(inspect.output) as { Os: string }).Os, 'linux');
      assert.match((await skopeo('list-tags', ...options, target)).output, /"v1"/);
      assert.equal((await skopeo('delete', ...options, `${target}:v1`)).code, 0);
      assert.notEqual((await skopeo('inspect', ...options, `${target}:v1`)).code, 0);
    });

    it('is told of a wrong password', async () => {
      const { code, output } = await skopeo(
        ...['inspect', '--tls-verify=false', '--creds', `${owner.name}:wrong`],
        `docker://${made.host}/${owner.name}/app:one`,
      );
      assert.notEqual(code, 0);
      assert.match(output, /unauthorized|invalid username\/password/i);
    });
  });
});
