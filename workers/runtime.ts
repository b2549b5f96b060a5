import { setTimeout as delay } from 'node:timers/promises';

import { Connection } from '@temporalio/client';
import type { LogLevel, LogMetadata, Logger as SdkLogger } from '@temporalio/common';
import { NativeConnection, Runtime } from '@temporalio/worker';

import type { Config } from '../config/schema';
import type { Logger } from '../telemetry/logger';
import * as searchAttributes from '../workflows/shared/search-attributes';

export type TemporalConfig = Pick<Config, 'TEMPORAL_ADDRESS' | 'TEMPORAL_NAMESPACE'>;

const KEYWORD = 2;
const ALREADY_EXISTS = 6;
const MAX_PAUSE_MS = 2000;

/** Once per process and before anything else of the worker SDK: its log lines join ours. */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger: new SdkLogBridge(logger),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    // The entry points listen themselves, so that a signal also ends a process that still waits for Temporal.
    shutdownSignals: [],
  });
}

/** A connection that needs no server yet and finds it again within seconds after an outage. */
export function lazyConnection(config: TemporalConfig): Connection {
  return Connection.lazy({
    address: config.TEMPORAL_ADDRESS,
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2000 },
  });
}

/** Waits until Temporal answers and has our namespace, saying so; undefined when told to stop before that. */
export async function connectWorker(
  config: TemporalConfig,
  logger: Logger,
  stopping: AbortSignal,
): Promise<NativeConnection | undefined> {
  for (let attempt = 1; !stopping.aborted; attempt += 1) {
    try {
      return await connectOnce(config, logger);
    } catch (err) {
      const fields = { address: config.TEMPORAL_ADDRESS, namespace: config.TEMPORAL_NAMESPACE };
      if (attempt === 1) logger.warn({ ...fields, err }, 'Temporal cannot be reached yet; waiting for it');
      else logger.debug({ ...fields, err }, 'still waiting for Temporal');
      await pause(Math.min(250 * attempt, MAX_PAUSE_MS), stopping);
    }
  }
  return undefined;
}

async function connectOnce(config: TemporalConfig, logger: Logger): Promise<NativeConnection> {
  const connection = await NativeConnection.connect({ address: config.TEMPORAL_ADDRESS });
  try {
    await connection.workflowService.describeNamespace({ namespace: config.TEMPORAL_NAMESPACE });
    await addMissingSearchAttributes(connection, config.TEMPORAL_NAMESPACE, logger);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A namespace that existed before us lacks our attributes, and every start would be refused (temporal spec 14). */
async function addMissingSearchAttributes(
  connection: NativeConnection,
  namespace: string,
  logger: Logger,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter(({ name }) => !(name in customAttributes));
  if (missing.length === 0) return;
  logger.info({ namespace, attributes: missing.map(({ name }) => name) }, 'registering search attributes');
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(({ name }) => [name, KEYWORD])),
    });
  } catch (error) {
    // Another process of ours was faster.
    if ((error as { code?: unknown }).code !== ALREADY_EXISTS) throw error;
  }
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal: stopping });
  } catch {
    // Woken by the signal.
  }
}

class SdkLogBridge implements SdkLogger {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  log(level: LogLevel, message: string, meta: LogMetadata = {}): void {
    switch (level) {
      case 'TRACE':
      case 'DEBUG':
        return this.debug(message, meta);
      case 'INFO':
        return this.info(message, meta);
      case 'WARN':
        return this.warn(message, meta);
      case 'ERROR':
        return this.error(message, meta);
      default:
        level satisfies never;
    }
  }

  trace(message: string, meta: LogMetadata = {}): void {
    this.#logger.debug(readable(meta), message);
  }

  debug(message: string, meta: LogMetadata = {}): void {
    this.#logger.debug(readable(meta), message);
  }

  info(message: string, meta: LogMetadata = {}): void {
    this.#logger.info(readable(meta), message);
  }

  warn(message: string, meta: LogMetadata = {}): void {
    // Our workers host either workflows or activities on purpose; the SDK warns of it.
    if (message.includes('not polling for')) return this.debug(message, meta);
    this.#logger.warn(readable(meta), message);
  }

  error(message: string, meta: LogMetadata = {}): void {
    this.#logger.error(readable(meta), message);
  }
}

/** Our logger prints errors under `err`; the SDK hands them over as `error`. */
function readable({ error, ...meta }: LogMetadata): object {
  return error === undefined ? meta : { ...meta, err: error as unknown };
}
