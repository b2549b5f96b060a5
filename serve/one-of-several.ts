import type { Config } from '../config/schema';
import { createAccessLog } from '../telemetry/access-log';
import { createLogger } from '../telemetry/logger';
import { runProcess } from '../telemetry/run-process';
import type { Message, Subject } from './messages';
import { Questions } from './questions';
import type { Serving } from './serve-requests';
import { serveRequests } from './serve-requests';

/** One of several processes on the same port: it does what its supervisor says, and ends with it. */
export async function serveForSupervisor(config: Config): Promise<void> {
  const logger = createLogger('serve', config).child({ pid: process.pid });
  let serving: Serving | undefined;
  const supervisor = new Questions({ name: 'the supervisor', send: tell }, (about) =>
    answerTo(serving, about),
  );
  onMessage((message) => {
    if (message.kind === 'died') void serving?.releaseUploadsOf(message.processId);
    else supervisor.take(message);
  });
  const accessLog = createAccessLog(config, { part: 'serve', pid: process.pid });
  const readMetrics = async () => String(await supervisor.ask('all-metrics'));
  await runProcess(
    logger,
    (signals) =>
      serveRequests({ config, logger, accessLog, readMetrics }, signals, (begun) => {
        serving = begun;
        tell({ kind: 'serving', processId: begun.processId });
      }),
    onStop,
  );
}

/** Terminals and service managers signal all processes of a group: the supervisor decides, and says it once. */
function onStop(stop: (why: string) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
  onMessage(({ kind }) => {
    if (kind === 'stop' || kind === 'hurry') stop('supervisor');
  });
}

async function answerTo(serving: Serving | undefined, about: Subject): Promise<unknown> {
  if (!serving) throw new Error('is starting');
  if (about === 'metrics') return serving.metrics.getMetricsAsJSON();
  await serving.check();
  return undefined;
}

function onMessage(listener: (message: Message) => void): void {
  process.on('message', (message) => listener(message as Message));
}

function tell(message: Message): void {
  process.send?.(message);
}
