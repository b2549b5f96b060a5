import { isDeepStrictEqual } from 'node:util';

import type { RegistryClient } from '../../support/registry-client';
import { ModelRegistry } from './model-registry';
import type { Step } from './plan';
import type { Reply } from './reply';
import type { Caller, Scene } from './scene';

const HEADERS = [
  ...['accept-ranges', 'cache-control', 'content-length', 'content-range', 'content-type', 'etag', 'link'],
  ...['docker-content-digest', 'docker-upload-uuid', 'location', 'range', 'www-authenticate'],
  ...['oci-filters-applied', 'oci-subject', 'oci-tag', 'warning'],
];

export interface Difference {
  step: Step;
  expected: Reply;
  actual: Reply;
}

/** The clients of every caller, one for each process. */
export type Clients = Record<Caller, readonly [RegistryClient, RegistryClient]>;

/** Puts requests to the product and to the model, and compares what they say. */
export class Duel {
  readonly model: ModelRegistry;
  /** How often which kind of request had which status. */
  readonly outcomes = new Map<string, number>();
  /** The product's own names of sessions, by those of the plan. */
  private readonly uuids = new Map<string, string>();

  constructor(
    private readonly scene: Scene,
    private readonly clients: Clients,
  ) {
    this.model = new ModelRegistry(scene.world);
  }

  /** The first step on which they differ; undefined when there is none. */
  async play(steps: Iterable<Step>): Promise<Difference | undefined> {
    for (const step of steps) {
      const expected = this.model.answer(step.caller, step, step.opens);
      const actual = await this.ask(step);
      if (!isDeepStrictEqual(comparable(expected), comparable(actual))) return { step, expected, actual };
      const outcome = `${kindOf(step)} ${actual.status}`;
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    }
    return undefined;
  }

  private async ask(step: Step): Promise<Reply> {
    const { method, headers, body, isStreamed, caller } = step;
    const path = step.path.replace(/upload-\d+/, (name) => this.uuids.get(name) ?? neverGiven(name));
    const response = await this.clients[caller][step.process].call(method, path, {
      ...{ headers, scope: this.scopeOf(path) },
      ...(body && { body: isStreamed ? streamOf(body) : body }),
    });
    const uuid = response.headers.get('docker-upload-uuid');
    if (uuid !== null && method === 'POST') this.uuids.set(step.opens, uuid);
    return this.replyOf(response, method);
  }

  private async replyOf(response: Response, method: string): Promise<Reply> {
    const { status } = response;
    const content = Buffer.from(await response.arrayBuffer());
    const names = HEADERS.filter((name) => response.headers.has(name));
    const headers = Object.fromEntries(names.map((name) => [name, this.inPlan(response.headers.get(name))]));
    const isRefusal = status >= 400 && method !== 'HEAD';
    return { status, headers, body: isRefusal ? { code: codeOf(content) } : content };
  }

  private inPlan(value: string | null): string {
    const known = [...this.uuids].find(([, uuid]) => value?.includes(uuid));
    return known ? (value ?? '').replace(known[1], known[0]) : (value ?? '');
  }

  /** A catalog needs a token, whatever it is for. */
  private scopeOf(path: string): string {
    const name = /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1];
    return `repository:${name ?? this.scene.repositories[0]}:pull,push`;
  }
}

/** The length of a refusal is that of its message. */
function comparable({ status, headers, body }: Reply): Reply {
  const { 'content-length': _, ...others } = headers;
  return { status, headers: status < 400 ? headers : others, body };
}

function kindOf({ method, path }: Step): string {
  const kind = /\/(blobs\/uploads|blobs|manifests|referrers|tags)\/|_catalog/.exec(path);
  return `${method} ${kind?.[1] ?? 'catalog'}`;
}

function codeOf(content: Buffer): string {
  try {
    return (JSON.parse(content.toString()) as { errors: { code: string }[] }).errors[0]?.code ?? 'none';
  } catch {
    return content.toString();
  }
}

function streamOf(body: Buffer): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (body.length > 0) controller.enqueue(new Uint8Array(body));
      controller.close();
    },
  });
}

function neverGiven(name: string): string {
  return `00000000-0000-4000-8000-${name.replace('upload-', '').padStart(12, '0')}`;
}
