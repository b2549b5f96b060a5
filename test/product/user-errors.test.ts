import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Build } from '../../db/entities/builds';
import { dockerIsMissing } from '../support/docker';
import { eventually } from '../support/eventually';
import { startGitHttp } from '../support/git-servers';
import { freePort } from '../support/processes';
import type { Product } from '../support/product';
import { product } from '../support/product';
import type { BuildAnswer, Project, ProjectOptions } from '../support/project';
import { baseImage, createProject } from '../support/project';
import { startReceiver } from '../support/receiver';
import { startSilentServer } from '../support/silent-server';

const QUICK_MS = 5_000;
const CONNECT_MS = 10_000;

describe('what a user got wrong', function () {
  this.timeout(180_000);
  let made: Product;
  let base: string;
  const closers: (() => Promise<unknown>)[] = [];

  before(async function () {
    if (dockerIsMissing()) this.skip();
    made = await product();
    base = await baseImage(made);
  });

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function newProject(options?: ProjectOptions): Promise<Project> {
    const project = await createProject(made, options);
    closers.push(() => project.dispose());
    return project;
  }

  interface Expectation {
    reason: RegExp;
    /** How long after the failing step began the build may be open. */
    withinMs: number;
    /** The phase in which the failing step is. */
    during: string;
  }

  async function expectError(
    project: Project,
    { reason, withinMs, during }: Expectation,
  ): Promise<BuildAnswer> {
    const build = await project.waitFor(['error', 'internalerror', 'complete'], 60_000);
    const log = await project.logs(build.id);
    const told = JSON.stringify(log.slice(-8), null, 1);
    assert.equal(build.phase, 'error', told);
    assert.match(build.error ?? '', reason, told);
    assert.ok(
      log.some(({ type, message }) => type === 'error' && reason.test(message)),
      `the log tells it: ${told}`,
    );
    const began = log.find(({ type, message }) => type === 'phase' && message === during);
    const row = await made.dataSource.manager.findOneByOrFail(Build, { uuid: build.id });
    const tookMs = (row.endedAtMs ?? Infinity) - Date.parse(String(began?.data.datetime));
    assert.ok(tookMs < withinMs, `it ended ${tookMs} ms after ${during} began: ${told}`);
    assert.equal(row.attempt, 1, 'nobody tries a user error again');
    return build;
  }

  it('a Dockerfile with a syntax error: names the line, and the notification says it too', async () => {
    const project = await newProject();
    const receiver = await startReceiver();
    closers.push(() => receiver.close());
    const rule = {
      event: 'build_failure',
      method: 'webhook',
      config: { url: receiver.url },
      eventConfig: {},
    };
    await project.owner.call('POST', `/repository/${project.path}/notification/`, rule);
    await project.push({ Dockerfile: `FROM ${base}\nRUNN echo no\n` });
    const build = await expectError(project, { reason: /RUNN/i, withinMs: QUICK_MS, during: 'unpacking' });
    const [request] = await eventually(() => {
      assert.equal(receiver.received.length, 1);
      return receiver.received;
    }, 30_000);
    const payload = JSON.parse(request?.body ?? '{}') as Record<string, unknown>;
    assert.equal(payload.error_message, build.error);
  });

  it('a failing RUN: names the step and its exit code', async () => {
    const project = await newProject();
    await project.push({ Dockerfile: `FROM ${base}\nRUN echo before && exit 7\n` });
    await expectError(project, { reason: /exit 7|code:? 7/, withinMs: QUICK_MS, during: 'building' });
  });

  it('a base image that our own registry does not have', async () => {
    const project = await newProject();
    const missing = `${made.host}/${project.organization}/no-such-image:1`;
    await project.push({ Dockerfile: `FROM ${missing}\n` });
    await expectError(project, { reason: /no-such-image/, withinMs: QUICK_MS, during: 'pulling' });
  });

  it('a context outside the checkout: the trigger is refused, and says which field', async () => {
    const config = { context: '/../..', dockerfile_path: '/../../Dockerfile' };
    await assert.rejects(newProject({ config }), /dockerfile_path: leads out of the source/);
  });

  it('a context that the checkout does not have', async () => {
    const project = await newProject({
      config: { context: '/absent', dockerfile_path: '/absent/Dockerfile' },
    });
    await project.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(project, { reason: /absent/, withinMs: QUICK_MS, during: 'unpacking' });
  });

  it('a context that is a symlink which leads out', async () => {
    const project = await newProject({ config: { context: '/out', dockerfile_path: '/out/Dockerfile' } });
    symlinkSync('/etc', join(project.source.work, 'out'));
    await project.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(project, { reason: /out/, withinMs: QUICK_MS, during: 'unpacking' });
  });

  it('a Dockerfile that is a symlink which leads out', async () => {
    const project = await newProject();
    symlinkSync('/etc/passwd', join(project.source.work, 'Dockerfile'));
    await project.push({ other: 'x' });
    await expectError(project, { reason: /Dockerfile/, withinMs: QUICK_MS, during: 'unpacking' });
  });

  it('a git host that refuses the connection', async () => {
    const project = await newProject({ buildSource: `http://127.0.0.1:${await freePort()}/app.git` });
    await project.push({ Dockerfile: `FROM ${base}\n` });
    // It may be restarting: two pauses of 5 and 10 s.
    const withinMs = 15_000 + QUICK_MS;
    await expectError(project, { reason: /refused.* after 3 tries/, withinMs, during: 'unpacking' });
  });

  it('a git host that does not exist', async () => {
    const project = await newProject({ buildSource: 'https://no-such-host.invalid/app.git' });
    await project.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(project, { reason: /no-such-host\.invalid/, withinMs: QUICK_MS, during: 'unpacking' });
  });

  it('a git host that wants other credentials', async () => {
    const project = await newProject({ buildSource: 'http://127.0.0.1:1/unused.git' });
    const guarded = await startGitHttp(dirname(project.source.bare), { user: 'ann', password: 'secret' });
    closers.push(() => guarded.close());
    const other = await newProject({
      buildSource: guarded.url('app.git').replace('ann:secret@', ''),
    });
    await other.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(other, {
      reason: /credential|authenticat|denied/i,
      withinMs: QUICK_MS,
      during: 'unpacking',
    });
  });

  it('an SSH host that does not know our key', async () => {
    const project = await newProject({ transport: 'ssh' });
    const stranger = await newProject({ buildSource: await sshUrlOf(project) });
    await stranger.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(stranger, {
      reason: /key|denied|credential/i,
      withinMs: QUICK_MS,
      during: 'unpacking',
    });
  });

  it('a git host that takes the connection and says nothing', async () => {
    const silent = await startSilentServer();
    closers.push(() => silent.close());
    const project = await newProject({ buildSource: `ssh://git@127.0.0.1:${silent.port}/app.git` });
    await project.push({ Dockerfile: `FROM ${base}\n` });
    await expectError(project, {
      reason: /127\.0\.0\.1/,
      withinMs: CONNECT_MS + QUICK_MS,
      during: 'unpacking',
    });
  });

  it('a commit that the repository does not have', async () => {
    const project = await newProject();
    await project.push({ Dockerfile: `FROM ${base}\n` }, 'main', 'first [skip build]');
    const response = await project.callWebhook('f'.repeat(40));
    assert.equal(response.status, 200, await response.clone().text());
    await expectError(project, { reason: /ffffff/, withinMs: QUICK_MS, during: 'unpacking' });
  });

  async function sshUrlOf(project: Project): Promise<string> {
    const { body } = await project.owner.call<{ triggers: { build_source: string }[] }>(
      'GET',
      `/repository/${project.path}/trigger/`,
    );
    return body.triggers[0]?.build_source ?? '';
  }
});
