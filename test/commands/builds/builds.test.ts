import assert from 'node:assert/strict';

import { acceptBuild } from '../../../commands/builds/accept-build';
import type { BuildAttempt } from '../../../commands/builds/build-attempts';
import {
  appendBuildLog,
  beginAttempt,
  markBuildPhase,
  recordLostAttempt,
} from '../../../commands/builds/build-attempts';
import { issueBuildToken } from '../../../commands/builds/build-tokens';
import { cancelBuild, recordCancelledBuild } from '../../../commands/builds/cancel-build';
import { completeBuild, failBuild, markBuildLost } from '../../../commands/builds/finish-build';
import { BuildLogEntry, BuildTrigger } from '../../../db/entities/builds';
import type { Build } from '../../../db/entities/builds';
import { Delivery } from '../../../db/entities/notifications';
import { OutboxRow } from '../../../db/entities/outbox';
import { AuditLog, RepositoryToken } from '../../../db/entities/repositories';
import type { BuildPhase } from '../../../model/phases';
import type { BuildBench } from '../../support/build-bench';
import { buildBench, COMMIT } from '../../support/build-bench';

const METADATA = {
  commit: COMMIT,
  ref: 'refs/heads/main',
  default_branch: 'main',
  git_url: 'git@git.example:ops/web.git',
};
const IMAGE = { imageId: 'sha256:ab', manifestDigest: 'sha256:cd' };
const RUNNING: BuildPhase[] = ['waiting', 'build-scheduled', 'unpacking', 'pulling', 'building', 'pushing'];

let bench: BuildBench;
beforeEach(async () => {
  bench = await buildBench();
});

async function messagesOf(build: Build): Promise<Delivery[]> {
  const all = await bench.dataSource.manager.find(Delivery, { order: { id: 'ASC' } });
  return all.filter((delivery) => delivery.payload.build_id === build.uuid);
}

async function logOf(build: Build): Promise<string[]> {
  const rows = await bench.dataSource.manager.find(BuildLogEntry, {
    where: { buildId: build.id },
    order: { position: 'ASC' },
  });
  assert.deepEqual(
    rows.map((row) => row.position),
    rows.map((_, index) => index),
  );
  return rows.map((row) => `${row.type ?? ''}:${row.message}`);
}

async function running(columns: Partial<Build> = {}): Promise<{ build: Build; first: BuildAttempt }> {
  const build = await bench.addBuild(columns);
  await beginAttempt(bench.deps, { buildId: build.uuid, attempt: 1 });
  return { build, first: { buildId: build.uuid, attempt: 1 } };
}

async function outboxOf(build: Build): Promise<OutboxRow[]> {
  const rows = await bench.dataSource.manager.findBy(OutboxRow, {
    orderingKey: `repository:${bench.repository.id}`,
  });
  return rows.filter((row) => (row.payload as { buildId?: string }).buildId === build.uuid);
}

describe('acceptBuild', () => {
  const accept = (metadata = METADATA) =>
    acceptBuild(bench.deps, bench.owner, {
      repository: bench.repository,
      trigger: bench.trigger,
      metadata,
      isManual: false,
    });

  it('writes the row with its tags, tells the rules, owes Temporal a signal and leaves an audit entry', async () => {
    const build = await accept();
    assert.equal(build.phase, 'waiting');
    assert.deepEqual(build.dockerTags, ['main', 'latest']);
    assert.equal(build.displayName, 'aabbccd');
    assert.equal(build.dockerfilePath, '/Dockerfile');

    const { namespace, name, id } = bench.repository;
    const [message] = await messagesOf(build);
    assert.deepEqual(message?.payload, {
      repository: `${namespace}/${name}`,
      namespace,
      name,
      docker_url: `reg.example/${namespace}/${name}`,
      homepage: `http://reg.example/repository/${namespace}/${name}/build/${build.uuid}`,
      build_id: build.uuid,
      docker_tags: ['main', 'latest'],
      repo: name,
      is_manual: false,
      manual_user: namespace,
      trigger_id: bench.trigger.uuid,
      trigger_kind: 'custom-git',
      trigger_metadata: METADATA,
      trigger_manual: false,
    });
    const [row] = await outboxOf(build);
    assert.equal(row?.kind, 'build.queued');
    assert.deepEqual(row.payload, {
      buildId: build.uuid,
      namespace,
      repository: name,
      triggerKind: 'custom-git',
      displayName: 'aabbccd',
    });
    const audit = await bench.dataSource.manager.findOneByOrFail(AuditLog, { repositoryId: id });
    assert.equal(audit.kind, 'build_dockerfile');
  });

  it('refuses a trigger that is off, saying why, and one that is not active', async () => {
    bench.trigger.enabled = false;
    bench.trigger.disabledReason = 'successive_build_failures';
    await assert.rejects(accept(), {
      reason: 'invalid',
      message: /is disabled \(successive_build_failures\)/,
    });
    bench.trigger.isActive = false;
    await assert.rejects(accept(), { reason: 'invalid', message: /is not active/ });
  });

  it('refuses builds beyond what may wait in the namespace', async () => {
    bench.deps.config = { ...bench.deps.config, BUILD_NAMESPACE_WAITING_LIMIT: 2 };
    await accept();
    await accept();
    await assert.rejects(accept(), { reason: 'limit' });
    assert.equal(
      (await bench.dataSource.manager.findBy(AuditLog, { repositoryId: bench.repository.id })).length,
      2,
    );
  });

  it('does nothing where builds are switched off', async () => {
    bench.deps.config = { ...bench.deps.config, FEATURE_BUILD_SUPPORT: false };
    await assert.rejects(accept(), { reason: 'wrong-state' });
  });
});

describe('an attempt', () => {
  it('goes through its phases once each, and raises build_start once', async () => {
    const { build, first } = await running();
    for (const phase of [
      'build-scheduled',
      'unpacking',
      'building',
      'building',
      'unpacking',
      'pushing',
    ] as const) {
      assert.equal(await markBuildPhase(bench.deps, first, phase), 'current');
    }
    assert.deepEqual(await logOf(build), [
      'phase:build-scheduled',
      'phase:unpacking',
      'phase:building',
      'phase:pushing',
    ]);
    assert.equal((await bench.reload(build)).phase, 'pushing');
    assert.deepEqual(
      (await messagesOf(build)).map((message) => message.event),
      ['build_start'],
    );
  });

  it('is fenced off by a newer one, which begins with a token of its own and raises no second build_start', async () => {
    const { build, first } = await running();
    await markBuildPhase(bench.deps, first, 'building');
    const old = await issueBuildToken(bench.deps, first);
    assert.equal(old, await issueBuildToken(bench.deps, first), 'repeating gives the same token');

    const second = { ...first, attempt: 2 };
    await recordLostAttempt(bench.deps, first, 'the build worker is gone; the build begins again');
    await recordLostAttempt(bench.deps, first, 'the build worker is gone; the build begins again');
    assert.deepEqual(await beginAttempt(bench.deps, second), {
      attempt: 2,
      tags: ['main'],
      pushedDigest: null,
    });
    assert.deepEqual(await beginAttempt(bench.deps, second), {
      attempt: 2,
      tags: ['main'],
      pushedDigest: null,
    });
    assert.equal(await beginAttempt(bench.deps, first), undefined);
    assert.equal((await bench.reload(build)).phase, 'waiting');

    assert.equal(await markBuildPhase(bench.deps, first, 'pushing'), 'superseded');
    assert.equal(await appendBuildLog(bench.deps, first, [{ message: 'late' }]), 'superseded');
    assert.equal(await completeBuild(bench.deps, first, IMAGE), 'superseded');
    assert.equal(await issueBuildToken(bench.deps, first), undefined);

    await markBuildPhase(bench.deps, second, 'building');
    assert.notEqual(await issueBuildToken(bench.deps, second), old);
    const tokens = await bench.dataSource.manager.findBy(RepositoryToken, { buildUuid: build.uuid });
    assert.deepEqual(
      tokens.map((token) => token.revokedAtMs !== null),
      [true, false],
    );
    assert.deepEqual(await logOf(build), [
      'phase:building',
      'error:the build worker is gone; the build begins again',
      'phase:building',
    ]);
    assert.equal((await messagesOf(build)).length, 1);
  });

  it('appends lines in order whoever else writes, and keeps progress', async () => {
    const { build, first } = await running();
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        appendBuildLog(bench.deps, first, [{ message: `${index}a` }, { message: `${index}b` }], {
          total_commands: 8,
        }),
      ),
    );
    const lines = await logOf(build);
    assert.equal(lines.length, 16);
    for (const [index, line] of lines.entries()) {
      if (line.endsWith('a')) assert.equal(lines[index + 1], line.replace('a', 'b'));
    }
    const { logLength, status } = await bench.reload(build);
    assert.deepEqual([logLength, status], [16, { total_commands: 8 }]);
  });

  it('does not begin when the build was cancelled first', async () => {
    const build = await bench.addBuild({ phase: 'cancelled' });
    assert.equal(await beginAttempt(bench.deps, { buildId: build.uuid, attempt: 1 }), undefined);
    assert.equal(await markBuildPhase(bench.deps, { buildId: build.uuid, attempt: 0 }, 'unpacking'), 'ended');
  });
});

describe('the end of a build', () => {
  it('success carries image and digest, leaves once, and clears the counters of the trigger', async () => {
    await bench.dataSource.manager.update(BuildTrigger, bench.trigger.id, { successiveFailures: 7 });
    const { build, first } = await running();
    await issueBuildToken(bench.deps, first);
    assert.equal(await completeBuild(bench.deps, first, IMAGE), 'current');
    assert.equal(await completeBuild(bench.deps, first, IMAGE), 'ended');
    assert.equal(await failBuild(bench.deps, first, { phase: 'error', code: 'x', message: 'late' }), 'ended');

    const [message, ...more] = await messagesOf(build);
    assert.deepEqual(more, []);
    const { namespace, name } = bench.repository;
    assert.equal(message?.event, 'build_success');
    assert.equal(message.payload.image_id, 'sha256:ab');
    assert.deepEqual(message.payload.manifest_digests, [`reg.example/${namespace}/${name}@sha256:cd`]);
    const row = await bench.reload(build);
    assert.deepEqual([row.phase, row.manifestDigest], ['complete', 'sha256:cd']);
    assert.ok(row.endedAtMs);
    const token = await bench.dataSource.manager.findOneByOrFail(RepositoryToken, { buildUuid: build.uuid });
    assert.ok(token.revokedAtMs);
    const trigger = await bench.dataSource.manager.findOneByOrFail(BuildTrigger, { id: bench.trigger.id });
    assert.equal(trigger.successiveFailures, 0);
  });

  it('failure says why in the row, the log and the message', async () => {
    const { build, first } = await running();
    await failBuild(bench.deps, first, { phase: 'error', code: 'builderror', message: 'RUN false failed' });
    const row = await bench.reload(build);
    assert.deepEqual(
      [row.phase, row.errorCode, row.errorMessage],
      ['error', 'builderror', 'RUN false failed'],
    );
    assert.deepEqual(await logOf(build), ['phase:error', 'error:RUN false failed']);
    const [message] = await messagesOf(build);
    assert.equal(message?.event, 'build_failure');
    assert.equal(message.payload.error_message, 'RUN false failed');
  });

  it('switches a trigger off after too many failures, and failures are judged first', async () => {
    bench.deps.config = { ...bench.deps.config, SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: 2 };
    for (let turn = 0; turn < 2; turn += 1) {
      const { first } = await running();
      await failBuild(bench.deps, first, { phase: 'error', code: 'builderror', message: 'no' });
    }
    const trigger = await bench.dataSource.manager.findOneByOrFail(BuildTrigger, { id: bench.trigger.id });
    assert.deepEqual([trigger.enabled, trigger.disabledReason], [false, 'successive_build_failures']);
  });

  it('counts internal errors apart, and user errors clear them', async () => {
    bench.deps.config = { ...bench.deps.config, SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD: 2 };
    const failures = ['internalerror', 'error', 'internalerror', 'internalerror'] as const;
    const seen: boolean[] = [];
    for (const phase of failures) {
      const { first } = await running();
      await failBuild(bench.deps, first, { phase, code: 'x', message: 'no' });
      const { enabled } = await bench.dataSource.manager.findOneByOrFail(BuildTrigger, {
        id: bench.trigger.id,
      });
      seen.push(enabled);
    }
    assert.deepEqual(seen, [true, true, true, false]);
  });

  it('is written for a build whose workflow vanished, whatever attempt it was in', async () => {
    const { build } = await running();
    assert.equal(await markBuildLost(bench.deps, build.uuid, 'its workflow was terminated'), true);
    assert.equal(await markBuildLost(bench.deps, build.uuid, 'its workflow was terminated'), false);
    const row = await bench.reload(build);
    assert.deepEqual([row.phase, row.errorMessage], ['internalerror', 'its workflow was terminated']);
  });
});

describe('cancelBuild', () => {
  const cancel = (build: Build) => cancelBuild(bench.deps, bench.owner, bench.repository, build.uuid);

  for (const phase of RUNNING) {
    it(`ends a build in phase ${phase}, revokes its token and owes Temporal the cancellation`, async () => {
      const { build, first } = await running();
      await issueBuildToken(bench.deps, first);
      if (phase !== 'waiting') await markBuildPhase(bench.deps, first, phase as 'pushing');
      await cancel(build);
      assert.equal((await bench.reload(build)).phase, 'cancelled');
      const token = await bench.dataSource.manager.findOneByOrFail(RepositoryToken, {
        buildUuid: build.uuid,
      });
      assert.ok(token.revokedAtMs);
      assert.deepEqual(
        (await outboxOf(build)).map((row) => row.kind),
        ['build.cancelled'],
      );
      assert.equal((await messagesOf(build)).at(-1)?.event, 'build_cancelled');
      assert.equal(await completeBuild(bench.deps, first, IMAGE), 'ended');
    });
  }

  for (const phase of ['complete', 'error', 'internalerror', 'cancelled'] as const) {
    it(`is refused in phase ${phase}`, async () => {
      await assert.rejects(cancel(await bench.addBuild({ phase })), { reason: 'invalid' });
    });
  }

  it('does not find a build of another repository', async () => {
    const other = await buildBench();
    await assert.rejects(cancel(await other.addBuild()), { reason: 'not-found' });
  });

  it('records a cancellation that came from Temporal, and leaves ended builds alone', async () => {
    const build = await bench.addBuild();
    await recordCancelledBuild(bench.deps, build.uuid);
    await recordCancelledBuild(bench.deps, build.uuid);
    assert.equal((await bench.reload(build)).phase, 'cancelled');
    assert.equal((await messagesOf(build)).length, 1);
  });
});
