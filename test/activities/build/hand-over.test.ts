import assert from 'node:assert/strict';

import { ApplicationFailure } from '@temporalio/common';
import Docker from 'dockerode';

import { BUILD_HANDED_OVER } from '../../../workflows/shared/failure-types';
import { stepBench } from '../../support/build-steps';
import type { StepBench } from '../../support/build-steps';
import { eventually } from '../../support/eventually';
import type { SilentServer } from '../../support/silent-server';
import { startSilentServer } from '../../support/silent-server';

describe('handing builds over', function () {
  this.timeout(30_000);
  let bench: StepBench;
  let server: SilentServer;

  beforeEach(async () => {
    bench = await stepBench();
    server = await startSilentServer();
  });
  afterEach(async () => {
    await server.close();
    bench.dispose();
  });

  const isHandedOver = (error: unknown) =>
    error instanceof ApplicationFailure && error.type === BUILD_HANDED_OVER && error.nonRetryable === true;

  it('stops a step under way, with every line of it in the log', async () => {
    const url = `http://127.0.0.1:${server.port}/app.git`;
    const commit = 'aabbccddeeff00112233445566778899aabbccdd';
    const { build, attempt } = await bench.begin({
      triggerMetadata: { commit, ref: 'refs/heads/main', git_url: url },
    });
    const step = bench.run(() => bench.steps.cloneSource(attempt));
    step.catch(() => undefined);
    await eventually(() => assert.ok(server.connections > 0));
    bench.handOver.begin();
    await assert.rejects(step, isHandedOver);
    assert.deepEqual(await bench.messagesOf(build), [`Cloning ${url} at ${commit}`]);
  });

  it('does not wait for an engine that hangs', async () => {
    const hanging = await stepBench({ docker: new Docker({ host: '127.0.0.1', port: server.port }) });
    try {
      const { attempt } = await hanging.begin();
      const prepared = { context: '', dockerfile: 'Dockerfile', baseImages: [] };
      const step = hanging.run(() => hanging.steps.buildImage(attempt, prepared));
      step.catch(() => undefined);
      await eventually(() => assert.ok(server.connections > 0));
      assert.deepEqual(hanging.handOver.left, [attempt]);
      hanging.handOver.begin();
      await assert.rejects(step, isHandedOver);
    } finally {
      hanging.dispose();
    }
  });

  it('begins no further step, but lets a push end until it is finished', async () => {
    const { attempt } = await bench.begin();
    bench.handOver.begin();
    await assert.rejects(
      bench.run(() => bench.steps.prepareContext(attempt)),
      isHandedOver,
    );
    await assert.rejects(
      bench.run(() => bench.steps.pushImage(attempt, 'sha256:none')),
      (error) => !isHandedOver(error),
    );
    bench.handOver.finish();
    await assert.rejects(
      bench.run(() => bench.steps.pushImage(attempt, 'sha256:none')),
      isHandedOver,
    );
  });
});
