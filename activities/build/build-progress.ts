import type { BuildProgress } from '../../commands/builds/build-attempts';
import type { LogLine } from '../../commands/builds/build-log';
import { MAX_MESSAGE_LENGTH } from '../../commands/builds/build-log';
import type { UserErrorCode } from './build-failures';
import { decodeTrace } from './buildkit-trace';
import type { EngineEvent } from './engine';

export interface BuildProblem {
  code: UserErrorCode;
  message: string;
}

/** A step of the Dockerfile, in contrast to BuildKit's own chores. */
const STEP = /^\[(?:[\w.-]+ )?\d+\/\d+\] /;

/** Reads the engine's events of one build, classic or BuildKit: log lines, progress, the image or what went wrong. */
export class BuildOutput {
  imageId: string | undefined;
  readonly #names = new Map<string, string>();
  readonly #announced = new Set<string>();
  readonly #done = new Set<string>();
  readonly #partial = new Map<string, string>();
  #failing: string | undefined;
  #error: string | undefined;
  #classic: BuildProgress = {};

  /** The lines that this event adds to the log. */
  read(event: EngineEvent): LogLine[] {
    if (event.error !== undefined) this.#error = event.errorDetail?.message ?? event.error;
    if (event.id === 'moby.buildkit.trace' && typeof event.aux === 'string') {
      return this.#readTrace(event.aux);
    }
    this.imageId = imageIdOf(event.aux) ?? this.imageId;
    if (event.stream === undefined) return [];
    return event.stream
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => this.#readClassicLine(line));
  }

  /** What is left of unfinished lines. */
  rest(): LogLine[] {
    return [...this.#partial.values()].filter((text) => text !== '').map((message) => ({ message }));
  }

  get progress(): BuildProgress {
    const steps = [...this.#names].filter(([, name]) => STEP.test(name));
    if (steps.length === 0) return this.#classic;
    const done = steps.filter(([digest]) => this.#done.has(digest)).length;
    return { total_commands: steps.length, current_command: done };
  }

  /** Undefined when the engine reported no error. */
  get problem(): BuildProblem | undefined {
    if (this.#error === undefined) return undefined;
    const name = this.#failing;
    const message = plain(this.#error);
    if (name !== undefined && /load metadata for|resolve image config|\] FROM /.test(name)) {
      const image = name.replace(/^.*(?:load metadata for|resolve image config for|FROM) /, '');
      return { code: 'cannotpullbaseimage', message: `base image "${image}" cannot be pulled: ${message}` };
    }
    if (/pull access denied|manifest unknown|manifest for .* not found/i.test(message)) {
      return { code: 'cannotpullbaseimage', message };
    }
    if (
      /dockerfile parse error|failed to create LLB definition|failed to parse|unknown instruction/i.test(
        message,
      )
    ) {
      return { code: 'dockerfileissue', message };
    }
    return { code: 'builderror', message: name === undefined ? message : `${name} failed: ${message}` };
  }

  #readTrace(base64: string): LogLine[] {
    const lines: LogLine[] = [];
    const { vertexes, logs } = decodeTrace(base64);
    for (const { digest, name, started, completed, cached, error } of vertexes) {
      this.#names.set(digest, name);
      if (completed) this.#done.add(digest);
      if (started && !this.#announced.has(digest)) {
        this.#announced.add(digest);
        lines.push({ type: 'command', message: cached ? `${name} (cached)` : name });
      }
      // A step that was stopped because another one failed says "context canceled".
      if (error && !/context canceled/.test(error)) this.#failing ??= name;
    }
    for (const { vertex, text } of logs) lines.push(...this.#wholeLines(vertex, text));
    return lines;
  }

  #wholeLines(vertex: string, text: string): LogLine[] {
    const parts = ((this.#partial.get(vertex) ?? '') + text).split('\n');
    // What may never end is not kept longer than it would be written.
    this.#partial.set(vertex, (parts.pop() ?? '').slice(0, MAX_MESSAGE_LENGTH));
    return parts.map((message) => ({ message: message.replace(/\r$/, '') }));
  }

  #readClassicLine(line: string): LogLine {
    const [, current, total] = /^Step (\d+)(?:\/(\d+))? :/.exec(line) ?? [];
    if (current === undefined) return { message: line };
    this.#failing = line.replace(/^Step \S+ : /, '');
    this.#classic = { total_commands: Number(total ?? current), current_command: Number(current) - 1 };
    return { type: 'command', message: line };
  }
}

function imageIdOf(aux: unknown): string | undefined {
  if (typeof aux !== 'object' || aux === null || !('ID' in aux)) return undefined;
  return typeof aux.ID === 'string' ? aux.ID : undefined;
}

/** Without the wrapping of the engine's internals. */
function plain(message: string): string {
  return message
    .replace(/^failed to solve(?: with frontend [\w.]+)?: /, '')
    .replace(/rpc error: code = \w+ desc = /g, '');
}
