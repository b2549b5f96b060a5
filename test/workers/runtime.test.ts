import assert from 'node:assert/strict';

import type { LogMetadata } from '@temporalio/common';

import type { Logger } from '../../telemetry/logger';
import { silentLogger } from '../../telemetry/logger';
import { connectWorker } from '../../workers/runtime';
import { eventually } from '../support/eventually';
import { freePort } from '../support/processes';
import type { OwnTemporal } from '../support/temporal';
import { installQuietRuntime, ownTemporal } from '../support/temporal';

describe('connectWorker', function () {
  this.timeout(60_000);
  let server: OwnTemporal;

  before(async () => {
    installQuietRuntime();
    server = await ownTemporal();
  });
  after(() => server.dispose());

  it('registers the search attributes that an older namespace lacks', async () => {
    const { operatorService } = server.client.connection;
    const namespace = server.namespace;
    await operatorService.removeSearchAttributes({ namespace, searchAttributes: ['TriggerKind'] });
    const config = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: namespace };
    const connection = await connectWorker(config, silentLogger, new AbortController().signal);
    await connection?.close();
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    assert.ok('TriggerKind' in customAttributes);
  });

  it('waits for a namespace that is not there, and says so once', async () => {
    const warnings: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      debug: () => undefined,
      warn: (_: LogMetadata, message: string) => void warnings.push(message),
    };
    const stopping = new AbortController();
    const config = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'not-there' };
    const waiting = connectWorker(config, logger, stopping.signal);
    await eventually(() => assert.equal(warnings.length, 1));
    stopping.abort();
    assert.equal(await waiting, undefined);
    assert.equal(warnings.length, 1);
  });

  it('gives up waiting when the process is told to stop', async () => {
    const stopping = new AbortController();
    const config = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`, TEMPORAL_NAMESPACE: 'default' };
    const waiting = connectWorker(config, silentLogger, stopping.signal);
    stopping.abort();
    assert.equal(await waiting, undefined);
  });
});
