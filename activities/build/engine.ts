import Docker from 'dockerode';

/** The engine that `DOCKER_HOST` names (`unix://…`, `tcp://…`); dockerode's own default without one. */
export function createEngine(dockerHost: string | undefined): Docker {
  if (!dockerHost) return new Docker();
  if (dockerHost.startsWith('unix://')) return new Docker({ socketPath: dockerHost.slice('unix://'.length) });
  const { hostname, port } = new URL(dockerHost);
  return new Docker({ protocol: 'http', host: hostname, port: Number(port || 2375) });
}

/** BuildKit without a client of its own needs API 1.39 (builds spec 8). */
export async function hasBuildKit(docker: Docker): Promise<boolean> {
  const [major = 0, minor = 0] = (await docker.version()).ApiVersion.split('.').map(Number);
  return major > 1 || minor >= 39;
}

/** One line of the engine's progress streams. */
export interface EngineEvent {
  stream?: string;
  status?: string;
  id?: string;
  error?: string;
  errorDetail?: { message?: string };
  progressDetail?: { current?: number; total?: number };
  aux?: unknown;
}

/** The JSON lines of a progress stream; the stream is destroyed when the loop is left early or the signal aborts. */
export async function* engineEvents(
  stream: NodeJS.ReadableStream & { destroy(error?: Error): void },
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const stop = () => stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    let rest = '';
    for await (const chunk of stream.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as EngineEvent;
    }
    if (rest.trim() !== '') yield JSON.parse(rest) as EngineEvent;
    signal.throwIfAborted();
  } catch (error) {
    // Destroying the stream shows up here as a premature close.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    stream.destroy();
  }
}
