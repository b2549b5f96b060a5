import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

import { Build } from '../../db/entities/builds';
import { OutboxRow } from '../../db/entities/outbox';
import { isFinalPhase } from '../../model/phases';
import { docker, dockerIsMissing } from '../support/docker';
import { eventually } from '../support/eventually';
import type { Product } from '../support/product';
import { product } from '../support/product';
import type { Project } from '../support/project';
import { baseImage, createProject, pushImage } from '../support/project';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';

describe('the product under faults', function () {
  this.timeout(300_000);
  let made: Product;
  let base: string;
  const projects: Project[] = [];
  const receivers: Receiver[] = [];

  before(async function () {
    if (dockerIsMissing()) this.skip();
    made = await product();
    base = await baseImage(made);
  });

  afterEach(async () => {
    for (const project of projects.splice(0)) await project.dispose();
    for (const receiver of receivers.splice(0)) await receiver.close();
  });

  async function newProject(): Promise<Project> {
    const project = await createProject(made);
    projects.push(project);
    return project;
  }

  async function listenFor(project: Project, ...events: string[]): Promise<Receiver> {
    const receiver = await startReceiver();
    receivers.push(receiver);
    for (const event of events) {
      const rule = { event, method: 'webhook', config: { url: receiver.url }, eventConfig: {} };
      await project.owner.call('POST', `/repository/${project.path}/notification/`, rule);
    }
    return receiver;
  }

  const slowDockerfile = (seconds: number) => ({
    Dockerfile: `FROM ${base}\nCOPY marker /marker\nRUN sleep ${seconds}\n`,
    marker: `${Math.random()}\n`,
  });

  const ofEvent = (receiver: Receiver, event: string) =>
    receiver.received.filter(({ headers }) => headers['x-slipway-event'] === event);

  it('finishes a build whose worker was killed in the middle: one image, one success', async () => {
    const project = await newProject();
    const receiver = await listenFor(project, 'build_success', 'repo_push');
    await project.push(slowDockerfile(8));
    // Not before the engine is at work: a step that nobody has begun is simply taken by the next worker.
    await eventually(() => assert.ok(sleepers(8) > 0), 60_000);
    await made.kill('build worker', 'SIGKILL');
    await made.start('build worker');
    const build = await project.waitFor(['complete'], 150_000);
    const successes = await eventually(() => {
      const seen = ofEvent(receiver, 'build_success');
      assert.ok(seen.length > 0);
      return seen;
    }, 30_000);
    assert.equal(new Set(successes.map(({ headers }) => headers['x-slipway-delivery'])).size, 1);
    assert.equal((await project.builds()).length, 1);
    const { body } = await project.owner.call<{ tags: { manifest_digest: string }[] }>(
      'GET',
      `/repository/${project.path}/tag/`,
    );
    assert.equal(new Set(body.tags.map((tag) => tag.manifest_digest)).size, 1, JSON.stringify(body.tags));
    const row = await made.dataSource.manager.findOneByOrFail(Build, { uuid: build.id });
    assert.ok(row.attempt >= 2, 'it began again');
  });

  it('goes on without Temporal, and relays what waited in the order of each repository', async () => {
    const project = await newProject();
    const receiver = await listenFor(project, 'repo_push');
    await made.temporal.stop();
    const engine = await docker();
    try {
      for (const tag of ['one', 'two', 'three']) {
        const reference = `${made.host}/${project.path}:${tag}`;
        const image = engine.getImage(base);
        await image.tag({ repo: `${made.host}/${project.path}`, tag });
        await pushImage(made, reference, project.owner);
      }
      assert.match(await project.push({ Dockerfile: `FROM ${base}\n` }), /queued/);
      assert.equal((await project.builds())[0]?.phase, 'waiting');
    } finally {
      await made.temporal.start();
    }
    await project.waitFor(['complete'], 120_000);
    await eventually(() => {
      const tags = ofEvent(receiver, 'repo_push').map(
        ({ body }) => (JSON.parse(body) as { updated_tags: string[] }).updated_tags,
      );
      assert.deepEqual(tags.flat().sort(), ['latest', 'main', 'one', 'three', 'two']);
    }, 60_000);
    const rows = await made.dataSource.manager.find(OutboxRow, { order: { id: 'ASC' } });
    const waited = rows.filter(({ orderingKey }) => orderingKey.startsWith('repository:'));
    const perKey = new Map<string, number>();
    for (const { orderingKey, deliveredAtMs } of waited) {
      assert.ok(deliveredAtMs !== null, 'nothing is left');
      assert.ok(deliveredAtMs >= (perKey.get(orderingKey) ?? 0), 'relayed in commit order');
      perKey.set(orderingKey, deliveredAtMs);
    }
  });

  it('stops the engine within five seconds of a cancel, and nothing is pushed afterwards', async () => {
    const project = await newProject();
    const receiver = await listenFor(project, 'build_cancelled', 'repo_push', 'build_success');
    await project.push(slowDockerfile(120));
    const build = await project.waitFor(['building']);
    await eventually(async () => {
      const log = await project.logs(build.id);
      assert.ok(log.some(({ message }) => message.includes('sleep 120')));
    });
    const cancelledAt = Date.now();
    const { status } = await project.owner.call('DELETE', `/repository/${project.path}/build/${build.id}`);
    assert.equal(status, 201);
    await eventually(() => assert.equal(sleepers(120), 0), 6_000);
    assert.ok(Date.now() - cancelledAt < 5_500, `it took ${Date.now() - cancelledAt} ms`);
    assert.equal((await project.builds())[0]?.phase, 'cancelled');
    await eventually(() => assert.equal(ofEvent(receiver, 'build_cancelled').length, 1), 30_000);
    const { body } = await project.owner.call<{ tags: unknown[] }>('GET', `/repository/${project.path}/tag/`);
    assert.deepEqual(body.tags, []);
    assert.equal(ofEvent(receiver, 'repo_push').length, 0);
  });

  it('keeps its own record true when an operator terminates a build', async () => {
    const project = await newProject();
    const receiver = await listenFor(project, 'build_failure');
    await project.push(slowDockerfile(300));
    const build = await project.waitFor(['building']);
    await made.temporal.client.workflow.getHandle(`build:${build.id}`).terminate('by an operator');
    const ended = await project.waitFor(['internalerror', 'expired'], 60_000);
    assert.match(ended.error ?? '', /terminated/);
    await eventually(() => assert.equal(sleepers(300), 0), 30_000);
    await eventually(() => assert.equal(ofEvent(receiver, 'build_failure').length, 1), 30_000);
    // The slot of the queue is free again.
    await project.push({ Dockerfile: `FROM ${base}\nRUN true\n` });
    await project.waitFor(['complete'], 120_000);
  });

  it('leaves no build open at the end', async () => {
    const rows = await made.dataSource.manager.find(Build);
    assert.ok(rows.every(({ phase }) => isFinalPhase(phase)));
  });
});

function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        // It ended while we looked.
        return '';
      }
    });
}

/** Running processes of this machine that sleep for this long: the steps of builds under test. */
function sleepers(seconds: number): number {
  return processes().filter((command) => command === `sleep ${seconds}`).length;
}
