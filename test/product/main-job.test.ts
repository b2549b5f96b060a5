import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { docker, dockerIsMissing } from '../support/docker';
import { eventually } from '../support/eventually';
import type { Product } from '../support/product';
import { product } from '../support/product';
import type { Project } from '../support/project';
import { baseImage, createProject } from '../support/project';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';
import { dropAdvisory } from '../support/sample-advisory';

const TEMPLATES = ['${commit_info.short_sha}', 'by-${commit_info.author.username}'];

describe('the main job', function () {
  this.timeout(300_000);
  let made: Product;
  let project: Project;
  let receiver: Receiver;
  let commit: string;

  before(async function () {
    const missing = dockerIsMissing();
    if (missing) this.skip();
    made = await product();
    const base = await baseImage(made);
    dropAdvisory(made);
    receiver = await startReceiver();
    project = await createProject(made, { transport: 'ssh', config: { tag_templates: TEMPLATES } });
    for (const event of [
      'repo_push',
      'build_queued',
      'build_start',
      'build_success',
      'vulnerability_found',
    ]) {
      const rule = { event, method: 'webhook', config: { url: receiver.url }, eventConfig: {} };
      const { status } = await project.owner.call('POST', `/repository/${project.path}/notification/`, rule);
      assert.equal(status, 201);
    }
    const told = await project.push({
      Dockerfile: `FROM ${base}\nLABEL quay.expires-after=2w\nCOPY vendor/ /usr/lib/python3/dist-packages/\nCOPY hello /hello\nRUN cat /hello\nCMD ["cat", "/hello"]\n`,
      hello: 'hello from a build\n',
      'vendor/idna-3.6.dist-info/METADATA': 'Metadata-Version: 2.1\nName: idna\nVersion: 3.6\n',
    });
    assert.match(told, /remote: .*queued/);
    commit = project.source.git('rev-parse', 'HEAD');
    await project.waitFor(['complete']);
  });

  after(async () => {
    await project?.dispose();
    await receiver?.close();
  });

  it('starts exactly one build per push, with the tags of the trigger', async () => {
    const builds = await project.builds();
    assert.equal(builds.length, 1);
    const expected = [commit.slice(0, 7), 'by-Ann', 'latest', 'main'].sort();
    assert.deepEqual([...(builds[0]?.tags ?? [])].sort(), expected);
    const { body } = await project.owner.call<{
      tags: { name: string; manifest_digest: string; end_ts?: number }[];
    }>('GET', `/repository/${project.path}/tag/?onlyActiveTags=true`);
    assert.deepEqual(body.tags.map(({ name }) => name).sort(), expected);
    assert.equal(new Set(body.tags.map((tag) => tag.manifest_digest)).size, 1);
    assert.ok(
      body.tags.every((tag) => tag.end_ts !== undefined),
      'quay.expires-after sets the expiry',
    );
  });

  it('logs the phases, the steps and what they print', async () => {
    const [build] = await project.builds();
    const log = await project.logs(build?.id ?? '');
    const phases = log.filter(({ type }) => type === 'phase').map(({ message }) => message);
    assert.deepEqual(phases, ['build-scheduled', 'unpacking', 'pulling', 'building', 'pushing', 'complete']);
    assert.ok(log.some(({ message }) => message.includes('hello from a build')));
  });

  it('makes an image that can be pulled and run', async () => {
    const engine = await docker();
    const { name, password } = project.owner;
    const reference = `${made.host}/${project.path}:main`;
    const stream = await engine.pull(reference, {
      authconfig: { username: name, password, serveraddress: made.host },
    });
    await new Promise<void>((resolve, reject) => {
      engine.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
    });
    const container = await engine.createContainer({
      Image: reference,
      Tty: true,
      HostConfig: { NetworkMode: 'none' },
    });
    try {
      await container.start();
      await container.wait();
      const output = (await container.logs({ stdout: true })).toString();
      assert.equal(output.trim(), 'hello from a build');
    } finally {
      await container.remove({ force: true });
    }
  });

  it('finds the vulnerable package in the layer that brought it', async () => {
    const digest = await digestOf('main');
    const path = `/repository/${project.path}/manifest/${digest}/security?vulnerabilities=true`;
    const report = await eventually(async () => {
      const { body } = await project.owner.call<SecurityReport>('GET', path);
      assert.equal(body.status, 'scanned');
      return body;
    }, 60_000);
    const features = report.data?.Layer.Features ?? [];
    assert.ok(
      features.some(({ Name }) => Name === 'dpkg'),
      'the packages of the base are indexed',
    );
    const idna = features.find(({ Name }) => Name === 'idna');
    assert.deepEqual(
      idna?.Vulnerabilities.map(({ Name, Severity, FixedBy }) => [Name, Severity, FixedBy]),
      [['PYSEC-2024-60', 'High', '3.7']],
    );
  });

  it('tells every rule once, with one delivery id each', async () => {
    const events = await eventually(() => {
      const seen = receiver.received.map(({ headers }) => String(headers['x-slipway-event']));
      for (const event of [
        'repo_push',
        'build_queued',
        'build_start',
        'build_success',
        'vulnerability_found',
      ]) {
        assert.ok(seen.includes(event), `${event} is missing in ${seen.join(', ')}`);
      }
      return seen;
    }, 60_000);
    assert.equal(events.filter((event) => event === 'build_success').length, 1);
    const ids = receiver.received.map(({ headers }) => headers['x-slipway-delivery']);
    assert.equal(new Set(ids).size, ids.length);
    const success = receiver.received.find(({ headers }) => headers['x-slipway-event'] === 'build_success');
    const payload = JSON.parse(success?.body ?? '{}') as Record<string, unknown>;
    assert.deepEqual(payload.manifest_digests, [`${made.host}/${project.path}@${await digestOf('main')}`]);
  });

  it('lets an operator tell builds, scans and deliveries apart in the list of workflows', async () => {
    const [build] = await project.builds();
    const query = `Repository = "${project.path}"`;
    const listed = await eventually(async () => {
      const found: { id: string; type: string; summary: string; phase: string | undefined }[] = [];
      for await (const workflow of made.temporal.client.workflow.list({ query })) {
        const description = await made.temporal.client.workflow.getHandle(workflow.workflowId).describe();
        found.push({
          id: workflow.workflowId,
          type: workflow.type,
          summary: (await description.staticSummary()) ?? '',
          phase: workflow.searchAttributes.BuildPhase?.map(String)[0],
        });
      }
      for (const type of ['buildImage', 'scanManifest', 'deliverNotification']) {
        assert.ok(
          found.some((workflow) => workflow.type === type),
          `no ${type} among ${JSON.stringify(found)}`,
        );
      }
      return found;
    }, 30_000);
    const ofBuild = listed.find(({ id }) => id === `build:${build?.id}`);
    assert.equal(ofBuild?.phase, 'complete');
    for (const { id, summary } of listed) {
      assert.match(summary, new RegExp(project.path), `${id}: ${summary}`);
    }
    const steps = new Set<string>();
    const history = await made.temporal.client.workflow.getHandle(`build:${build?.id}`).fetchHistory();
    for (const event of history.events ?? []) {
      const type = event.activityTaskScheduledEventAttributes?.activityType?.name;
      if (type) steps.add(type);
    }
    for (const step of ['holdBuilder', 'cloneSource', 'prepareContext', 'buildImage', 'pushImage']) {
      assert.ok(steps.has(step), `${step} is missing in ${[...steps].join(', ')}`);
    }
  });

  it('builds nothing for a commit that asks for it, nor for a deleted branch', async () => {
    const { length } = await project.builds();
    assert.match(await project.push({ hello: 'again\n' }, 'side', 'docs [skip build]'), /remote: .*skipped/);
    const deleted = await promisify(execFile)('git', ['-C', project.source.work, 'push', 'origin', ':side']);
    assert.match(deleted.stderr, /remote: .*skipped.*deleted/);
    assert.equal((await project.builds()).length, length);
  });

  async function digestOf(tag: string): Promise<string> {
    const { body } = await project.owner.call<{ tags: { manifest_digest: string }[] }>(
      'GET',
      `/repository/${project.path}/tag/?onlyActiveTags=true&specificTag=${tag}`,
    );
    return body.tags[0]?.manifest_digest ?? '';
  }
});

interface SecurityReport {
  status: string;
  data: {
    Layer: {
      Features: {
        Name: string;
        Vulnerabilities: { Name: string; Severity: string; FixedBy: string }[];
      }[];
    };
  } | null;
}
