import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';

import { IsNull } from 'typeorm';

import { Build } from '../../db/entities/builds';
import { OutboxRow } from '../../db/entities/outbox';
import { RepositoryToken } from '../../db/entities/repositories';
import { docker, dockerIsMissing } from '../support/docker';
import { eventually } from '../support/eventually';
import { uniqueName } from '../support/factories';
import { buildImage, pushImage } from '../support/images';
import type { RunningProcess } from '../support/processes';
import { freePort } from '../support/processes';
import type { Product } from '../support/product';
import { product } from '../support/product';
import type { Project } from '../support/project';
import { baseImage, createProject } from '../support/project';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';
import { RegistryClient, sha256 } from '../support/registry-client';

const HANDED_OVER = 'the build worker is shutting down; the build begins again on another one';

describe('the product, told to stop a process', function () {
  this.timeout(300_000);
  let made: Product;
  const projects: Project[] = [];
  const receivers: Receiver[] = [];
  const others: RunningProcess[] = [];

  before(async () => {
    made = await product();
  });

  afterEach(async () => {
    for (const process of others.splice(0)) await process.stop('SIGKILL');
    for (const project of projects.splice(0)) await project.dispose();
    for (const receiver of receivers.splice(0)) await receiver.close();
  });

  async function another(...options: Parameters<Product['another']>): Promise<RunningProcess> {
    const process = await made.another(...options);
    others.push(process);
    return process;
  }

  async function exitOf(process: RunningProcess): Promise<number | null> {
    await process.stop('SIGTERM');
    assert.doesNotMatch(process.output(), /"level":50/, 'no error was logged');
    return process.child.exitCode;
  }

  describe('serve', () => {
    async function start(grace: string) {
      const port = await freePort();
      const process = await another('serve', { LISTEN_PORT: port, SHUTDOWN_GRACE: grace });
      const person = await made.person();
      const client = new RegistryClient(`http://127.0.0.1:${port}`, {
        username: person.name,
        password: person.password,
      });
      return { process, client, there: client.at(made.base), repository: `${person.name}/app` };
    }

    /** The body of an upload that is sent piece by piece. */
    async function beginBody(client: RegistryClient, repository: string) {
      const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
      const location = response.headers.get('location') ?? '';
      const token = await client.token(`repository:${repository}:pull,push`);
      const request = httpRequest(new URL(location, client.url), {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' },
      });
      const ended = once(request, 'response').then(
        ([answer]) => answer as { statusCode: number; headers: Record<string, string> },
        (error: NodeJS.ErrnoException) => error.code,
      );
      return { location, request, ended };
    }

    it('lets an upload end that is under way', async () => {
      const { process, client, there, repository } = await start('60s');
      const bytes = randomBytes(3_000_000);
      const { location, request, ended } = await beginBody(client, repository);
      request.write(bytes.subarray(0, 1_500_000));
      await eventually(() => assert.ok(uploadedBytes(made, location) > 0));
      const exit = exitOf(process);
      await eventually(() => assert.match(process.output(), /"msg":"stopping"/));
      request.end(bytes.subarray(1_500_000));
      const answer = await ended;
      assert.ok(typeof answer === 'object' && answer.statusCode === 202);
      assert.equal(answer.headers.connection, 'close');
      assert.equal(await exit, 0);
      await there.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
    });

    it('cuts one that takes too long, which goes on elsewhere at once from the byte that was kept', async () => {
      const { process, client, there, repository } = await start('1s');
      const bytes = randomBytes(3_000_000);
      const { location, request, ended } = await beginBody(client, repository);
      request.write(bytes.subarray(0, 1_500_000));
      await eventually(() => assert.ok(uploadedBytes(made, location) >= 1_000_000));
      assert.equal(await exitOf(process), 0);
      assert.equal(await ended, 'ECONNRESET');
      const status = await there.expect(204, 'GET', location);
      const from = Number(status.headers.get('range')?.split('-')[1]) + 1;
      assert.ok(from >= 1_000_000 && from <= 1_500_000, `it kept ${from} bytes`);
      const headers = { 'content-range': `${from}-${bytes.length - 1}` };
      const startedAt = Date.now();
      await there.expect(202, 'PATCH', location, { body: bytes.subarray(from), headers });
      assert.ok(Date.now() - startedAt < 5000, 'nobody waits for a lease of the process that has gone');
      await there.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
      const stored = await there.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
      assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
    });

    it('keeps every push that it acknowledged', async () => {
      const { process, client, there, repository } = await start('20s');
      const pushed: string[] = [];
      const push = async (): Promise<void> => {
        for (;;) {
          const image = buildImage({ layers: [randomBytes(50_000)] });
          try {
            const { status } = await pushImage(client, repository, image);
            if (status === 201) pushed.push(image.digest);
          } catch {
            // The process has gone: what it did not acknowledge need not be there.
            return;
          }
        }
      };
      const pushes = [push(), push(), push(), push()];
      await eventually(() => assert.ok(pushed.length >= 5));
      assert.equal(await exitOf(process), 0);
      await Promise.all(pushes);
      for (const digest of pushed) await there.expect(200, 'GET', `/v2/${repository}/manifests/${digest}`);
    });
  });

  describe('worker and relay', () => {
    it('hands everything over to the others: each delivery is made once, each row relayed', async () => {
      const person = await made.person();
      const client = new RegistryClient(made.base, { username: person.name, password: person.password });
      const repository = `${person.name}/${uniqueName('app')}`;
      const creation = {
        namespace: person.name,
        repository: repository.split('/')[1],
        visibility: 'private',
      };
      await person.call('POST', '/repository', { ...creation, description: '' });
      const receiver = await startReceiver((response) => {
        setTimeout(() => response.writeHead(204).end(), 300);
      });
      receivers.push(receiver);
      const rule = { event: 'repo_push', method: 'webhook', config: { url: receiver.url }, eventConfig: {} };
      assert.equal((await person.call('POST', `/repository/${repository}/notification/`, rule)).status, 201);

      const [worker, relay] = [await another('worker'), await another('relay')];
      const image = buildImage();
      const tags = Array.from({ length: 12 }, (_, n) => `tag-${n}`);
      const pushes = Promise.all(tags.map((tag) => pushImage(client, repository, image, tag)));
      await eventually(() => assert.ok(receiver.received.length > 0));
      assert.deepEqual(await Promise.all([exitOf(worker), exitOf(relay)]), [0, 0]);
      await pushes;
      await eventually(() => assert.ok(receiver.received.length >= tags.length), 60_000);
      const ids = receiver.received.map(({ headers }) => headers['x-slipway-delivery']);
      assert.equal(ids.length, tags.length, 'no call was made twice');
      assert.equal(new Set(ids).size, tags.length);
      await eventually(async () => {
        assert.equal(await made.dataSource.manager.countBy(OutboxRow, { deliveredAtMs: IsNull() }), 0);
      });
    });
  });

  describe('build worker', () => {
    let base: string;

    before(async function () {
      if (dockerIsMissing()) this.skip();
      base = await baseImage(made);
    });
    beforeEach(() => made.kill('build worker', 'SIGTERM'));
    afterEach(() => made.start('build worker'));

    async function builder(grace: string): Promise<{ process: RunningProcess; folder: string }> {
      const name = uniqueName('builder');
      const folder = join(made.home, name);
      mkdirSync(folder);
      const changes = { BUILD_HOST_ID: name, BUILD_WORK_DIR: folder, BUILD_SHUTDOWN_GRACE: grace };
      return { process: await another('build worker', { ...changes, BUILD_CONCURRENCY: 1 }), folder };
    }

    async function push(seconds: number): Promise<Project> {
      const project = await createProject(made);
      projects.push(project);
      await project.push({
        Dockerfile: `FROM ${base}\nCOPY marker /marker\nRUN echo begun in $(cat /marker) && sleep ${seconds}\n`,
        marker: uniqueName('build'),
      });
      await eventually(async () => {
        const [build] = await project.builds();
        const log = await project.logs(build?.id ?? '');
        assert.ok(log.some(({ message }) => message.startsWith('begun in build')));
      }, 60_000);
      return project;
    }

    it('hands a build over that outlasts its grace, and leaves nothing of it behind', async () => {
      const { process, folder } = await builder('1s');
      const project = await push(7);
      const [build] = await project.builds();
      const second = await builder('60s');
      assert.equal(await exitOf(process), 0);
      assert.deepEqual(readdirSync(folder), []);
      const label = [`slipway.build=${build?.id}`, 'slipway.attempt=1'];
      const engine = await docker();
      assert.deepEqual(await engine.listContainers({ all: true, filters: { label } }), []);
      const ended = await project.waitFor(['complete', 'error', 'internalerror']);
      assert.equal(ended.phase, 'complete', ended.error ?? '');
      const log = await project.logs(ended.id);
      const messages = log.map(({ message }) => message);
      const handedOverAt = messages.indexOf(HANDED_OVER);
      assert.ok(handedOverAt > 0, messages.join('\n'));
      const begun = messages.flatMap((message, at) => (message.startsWith('begun in build') ? [at] : []));
      assert.equal(begun.length, 2);
      assert.ok((begun[0] ?? 0) < handedOverAt && handedOverAt < (begun[1] ?? 0));
      const tokens = await made.dataSource.manager.findBy(RepositoryToken, { buildUuid: ended.id });
      assert.ok(tokens.length > 0 && tokens.every(({ revokedAtMs }) => revokedAtMs !== null));
      assert.equal(await exitOf(second.process), 0);
    });

    it('lets a build end within its grace while the next one goes to another worker', async () => {
      const first = await builder('120s');
      const project = await push(4);
      const exit = exitOf(first.process);
      await eventually(() => assert.match(first.process.output(), /no new build is taken/));
      const second = await builder('1s');
      const next = await push(0);
      await next.waitFor(['complete']);
      assert.equal((await project.waitFor(['complete'])).phase, 'complete');
      assert.equal(await exit, 0);
      await eventually(() =>
        assert.deepEqual([readdirSync(first.folder), readdirSync(second.folder)], [[], []]),
      );
      const attempts = await made.dataSource.manager.findBy(Build, [
        { uuid: (await project.builds())[0]?.id ?? '' },
        { uuid: (await next.builds())[0]?.id ?? '' },
      ]);
      assert.deepEqual(
        attempts.map(({ attempt }) => attempt),
        [1, 1],
      );
    });

    it('ends although no workflow answers, with nothing left behind, and the build goes on later', async () => {
      const { process, folder } = await builder('60s');
      const project = await push(6);
      await made.kill('worker', 'SIGKILL');
      process.child.kill('SIGTERM');
      await eventually(() => assert.match(process.output(), /no new build is taken/));
      assert.equal(await exitOf(process), 0);
      assert.deepEqual(readdirSync(folder), []);
      await made.start('worker');
      await builder('1s');
      await project.waitFor(['complete']);
      const log = await project.logs((await project.builds())[0]?.id ?? '');
      assert.ok(log.some(({ message }) => message === HANDED_OVER));
    });
  });
});

/** What an upload has on disk. */
function uploadedBytes(made: Product, location: string): number {
  const uuid = location.split('/').at(-1) ?? '';
  const folder = join(made.home, 'storage', 'uploads');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.includes(uuid))
    .map((entry) => statSync(join(entry.parentPath, entry.name)).size)
    .reduce((sum, size) => sum + size, 0);
}
