import { OCI_INDEX } from '../../support/images';
import { Random } from '../../support/random';
import { ModelRegistry } from './model-registry';
import type { ModelRequest } from './reply';
import type { Caller, Names, PlannedManifest, Scene } from './scene';
import { ARTIFACT_TYPES, CALLERS, TAGS, setScene, sha256, sha512 } from './scene';

/** One request of a run; it means something whatever came before it, so a run can be shortened. */
export interface Step extends ModelRequest {
  caller: Caller;
  /** Which of the two processes it goes to. */
  process: 0 | 1;
  /** What the session is called that it opens, if it opens one. */
  opens: string;
  /** The body is sent without saying how long it is. */
  isStreamed: boolean;
}

type Request = Partial<ModelRequest> & { path: string; caller?: Caller; isStreamed?: boolean };

/** The same seed makes the same steps, whatever the names; each is chosen by what the model holds then. */
export function planSteps(seed: number, count: number, names: Names): { scene: Scene; steps: Step[] } {
  const planner = new Planner(new Random(seed), names);
  return { scene: planner.scene, steps: Array.from({ length: count }, () => planner.next()) };
}

class Planner {
  readonly scene: Scene;
  private readonly model: ModelRegistry;
  /** What will have been sent when a session ends well. */
  private readonly targets = new Map<string, Buffer>();
  private count = 0;

  constructor(
    private readonly random: Random,
    names: Names,
  ) {
    this.scene = setScene(random, names);
    this.model = new ModelRegistry(this.scene.world);
  }

  next(): Step {
    this.count += 1;
    const opens = `upload-${this.count}`;
    const request = this.choose();
    const step: Step = {
      ...{ method: 'GET', headers: {}, body: null, caller: 'ann', isStreamed: false, ...request },
      process: this.random.between(0, 1) === 0 ? 0 : 1,
      opens,
    };
    this.model.answer(step.caller, step, opens);
    const repository = this.random.pick(this.scene.repositories);
    if (this.model.uploads.has(opens)) this.targets.set(opens, this.missingBlob(repository));
    return step;
  }

  private choose(): Request {
    const open = this.model.uploads.size;
    return this.weighted([
      [22, () => this.read()],
      [open > 12 ? 2 : 8, () => this.begin()],
      [open > 12 ? 34 : 24, () => this.continue()],
      [8, () => this.pushWhole()],
      [6, () => this.mount()],
      [18, () => this.putManifest()],
      [9, () => this.delete()],
    ]);
  }

  // Uploads

  private begin(): Request {
    const name = this.repository();
    return { method: 'POST', path: `/v2/${name}/blobs/uploads/`, caller: this.writer(name) };
  }

  private pushWhole(): Request {
    const name = this.repository();
    const blob = this.missingBlob(name);
    const digest = this.weighted([
      [18, () => sha256(blob)],
      [2, () => sha512(blob)],
      [1, () => sha256(`not ${blob.length}`)],
      [1, () => 'sha256:short'],
      [1, () => ''],
    ]);
    const path = `/v2/${name}/blobs/uploads/?digest=${digest}`;
    return { method: 'POST', path, body: blob, caller: this.writer(name), isStreamed: this.chance(0.2) };
  }

  private mount(): Request {
    const name = this.repository();
    const digest = this.chance(0.95) ? this.blobDigest() : 'sha512:none';
    const from = this.weighted([
      [6, () => `&from=${this.random.pick(this.scene.repositories)}`],
      [1, () => `&from=${encodeURIComponent('No/Name')}`],
      [3, () => ''],
    ]);
    const path = `/v2/${name}/blobs/uploads/?mount=${digest}${from}`;
    return { method: 'POST', path, caller: this.writer(name) };
  }

  private continue(): Request {
    const open = [...this.model.uploads.keys()];
    const isKnown = open.length > 0 && this.chance(0.93);
    const id = isKnown ? this.random.pick(open) : `upload-${this.random.between(1, this.count)}`;
    const own = this.model.uploads.get(id)?.repository ?? this.repository();
    const name = this.chance(0.96) ? own : this.repository();
    const path = `/v2/${name}/blobs/uploads/${id}`;
    const caller = this.writer(name);
    return this.weighted<Request>([
      [20, () => ({ method: 'PATCH', path, caller, ...this.chunk(id) })],
      [16, () => ({ method: 'PUT', caller, ...this.last(id, path) })],
      [5, () => ({ method: this.readMethod(), path, caller })],
      [2, () => ({ method: 'DELETE', path, caller })],
    ]);
  }

  private chunk(id: string): Partial<Request> {
    const received = this.model.uploads.get(id)?.received.length ?? 0;
    const rest = this.targets.get(id)?.subarray(received) ?? Buffer.from('anything');
    const next = rest.subarray(0, this.random.between(0, rest.length));
    const range = (from: number, to: number) => ({ 'content-range': `${from}-${to}` });
    const inOrder = range(received, received + next.length - 1);
    const tooLong = range(received, received + next.length + 3);
    const first = Math.max(0, received + this.random.pick([-received, -1, 1, 7]));
    return this.weighted<Partial<Request>>([
      [10, () => ({ body: next, headers: next.length > 0 ? inOrder : {}, isStreamed: this.chance(0.2) })],
      [4, () => ({ body: next, isStreamed: this.chance(0.5) })],
      [3, () => ({ body: rest, headers: rest.length > 0 ? range(first, first + rest.length - 1) : {} })],
      [1, () => ({ body: next, headers: tooLong, isStreamed: this.chance(0.3) })],
      [1, () => ({ body: next, headers: { 'content-range': `bytes ${received}-` } })],
    ]);
  }

  private last(id: string, path: string): Request {
    const received = this.model.uploads.get(id)?.received ?? Buffer.alloc(0);
    const target = this.targets.get(id) ?? Buffer.alloc(0);
    const end = this.weighted<Partial<Request>>([
      [8, () => ({ body: target.subarray(received.length) })],
      [2, () => ({ body: null })],
      [2, () => this.chunk(id)],
    ]);
    const digest = this.weighted([
      [14, () => sha256(target)],
      [2, () => sha512(target)],
      [2, () => sha256(received)],
      [1, () => ''],
      [1, () => sha256(`not ${id}`)],
    ]);
    return { ...end, path: digest === '' ? path : `${path}?digest=${digest}` };
  }

  // Manifests

  private putManifest(): Request {
    const name = this.repository();
    const manifest = this.random.pick(this.scene.manifests);
    const missing = this.missingPart(name, manifest);
    if (missing && this.chance(0.8)) return missing;
    return this.chance(0.06) ? this.putMalformed(name) : this.put(name, manifest);
  }

  private put(name: string, { mediaType, body }: PlannedManifest): Request {
    const contentType = this.weighted([
      [10, () => mediaType],
      [1, () => `${mediaType}; charset=utf-8`],
      [1, () => undefined],
      [1, () => 'text/plain'],
      [1, () => OCI_INDEX],
    ]);
    const path = `/v2/${name}/manifests/${this.target(body)}`;
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
    const isStreamed = this.chance(0.1);
    return { method: 'PUT', path, headers, body, caller: this.writer(name), isStreamed };
  }

  private putMalformed(name: string): Request {
    const { mediaType } = this.scene.manifests[0] ?? { mediaType: '' };
    const path = `/v2/${name}/manifests/${this.random.pick(TAGS)}`;
    const body = this.random.pick(this.scene.malformed);
    return { method: 'PUT', path, headers: { 'content-type': mediaType }, body, caller: this.writer(name) };
  }

  private target(body: Buffer): string {
    const tag = this.random.pick(TAGS);
    const other = this.random.pick(TAGS);
    return this.weighted([
      [10, () => tag],
      [6, () => sha256(body)],
      [2, () => sha512(body)],
      [3, () => `${sha256(body)}?tag=${tag}&tag=${other}`],
      [2, () => `${sha512(body)}?tag=${tag},${other}`],
      [1, () => `${sha256(body)}?tag=-wrong`],
      [1, () => sha256(`not ${body.length}`)],
      [1, () => 'sha256:short'],
      [1, () => '.wrong'],
    ]);
  }

  /** Pushes what a manifest lacks; most pushes would be refused otherwise. */
  private missingPart(name: string, manifest: PlannedManifest): Request | undefined {
    const digest = manifest.blobs.find((blob) => !this.model.hasBlob(name, blob));
    const blob = this.scene.blobs.find((content) => sha256(content) === digest);
    const caller = this.writer(name);
    const path = `/v2/${name}/blobs/uploads/?digest=${digest}`;
    if (blob) return { method: 'POST', path, body: blob, caller };
    const manifests = this.model.repositories.get(name)?.manifests;
    const child = manifest.children.find(({ body }) => manifests?.get(sha256(body))?.isDeleted !== false);
    return child && (this.missingPart(name, child) ?? this.put(name, child));
  }

  private delete(): Request {
    const name = this.repository();
    const caller = this.writer(name);
    const path = this.weighted([
      [4, () => `/v2/${name}/manifests/${this.tag()}`],
      [4, () => `/v2/${name}/manifests/${this.manifestDigest(name)}`],
      [5, () => `/v2/${name}/blobs/${this.blobDigest()}`],
    ]);
    return { method: 'DELETE', path, caller };
  }

  // Reads

  private read(): Request {
    const name = this.repository();
    const caller = this.chance(0.8) ? this.reader(name) : this.random.pick(CALLERS);
    const method = this.readMethod();
    const digest = this.blobDigest();
    const manifest = this.chance(0.6) ? this.tag() : this.manifestDigest(name);
    return this.weighted<Request>([
      [8, () => ({ path: `/v2/${name}/blobs/${digest}`, method, caller, headers: this.condition(digest) })],
      [
        9,
        () => ({ path: `/v2/${name}/manifests/${manifest}`, method, caller, headers: this.known(manifest) }),
      ],
      [4, () => ({ path: `/v2/${name}/tags/list${this.page(TAGS)}`, method, caller })],
      [4, () => ({ path: `/v2/${name}/referrers/${this.subject(name)}`, method, caller })],
      [1, () => ({ path: `/v2/_catalog${this.page(this.scene.repositories)}`, method, caller })],
    ]);
  }

  private condition(digest: string): Record<string, string> {
    return this.weighted<Record<string, string>>([
      [6, () => ({})],
      [1, () => this.known(digest)],
      [3, () => ({ range: `bytes=${this.random.between(0, 300)}-${this.random.between(0, 900)}` })],
      [1, () => ({ range: `bytes=${this.random.between(0, 900)}-` })],
      [1, () => ({ range: `bytes=-${this.random.between(0, 900)}` })],
    ]);
  }

  private known(digest: string): Record<string, string> {
    return this.chance(0.1) ? { 'if-none-match': `"${digest}"` } : {};
  }

  private subject(name: string): string {
    const filter = this.chance(0.3) ? `?artifactType=${this.random.pick(ARTIFACT_TYPES)}` : '';
    const planned = this.scene.manifests[this.random.between(0, 5)];
    return `${planned && this.chance(0.8) ? sha256(planned.body) : this.manifestDigest(name)}${filter}`;
  }

  private page(names: string[]): string {
    return this.weighted([
      [4, () => ''],
      [3, () => `?n=${this.random.between(0, 4)}`],
      [2, () => `?n=2&last=${this.random.pick(names)}`],
      [1, () => `?last=${this.random.pick(names)}`],
      [1, () => '?n=many'],
    ]);
  }

  // What a step is about

  private repository(): string {
    return this.random.pick(this.scene.repositories);
  }

  /** Mostly one that the repository lacks. */
  private missingBlob(name: string): Buffer {
    const missing = this.scene.blobs.filter((blob) => !this.model.hasBlob(name, sha256(blob)));
    return this.random.pick(missing.length > 0 && this.chance(0.7) ? missing : this.scene.blobs);
  }

  private blobDigest(): string {
    const blob = this.random.pick(this.scene.blobs);
    return this.weighted([
      [20, () => sha256(blob)],
      [3, () => sha512(blob)],
      [1, () => sha256('never pushed')],
      [1, () => 'sha256:short'],
    ]);
  }

  private manifestDigest(name: string): string {
    const known = [...(this.model.repositories.get(name)?.manifests.keys() ?? [])];
    if (known.length > 0 && this.chance(0.85)) return this.random.pick(known);
    return this.chance(0.9) ? sha256(this.random.pick(this.scene.manifests).body) : 'sha256:short';
  }

  private tag(): string {
    return this.chance(0.97) ? this.random.pick(TAGS) : '.wrong';
  }

  private readMethod(): string {
    return this.chance(0.6) ? 'GET' : 'HEAD';
  }

  private reader(name: string): Caller {
    const grants = this.scene.world.grants.get(name) ?? {};
    return this.random.pick(CALLERS.filter((caller) => grants[caller]));
  }

  /** Now and then one who may not. */
  private writer(name: string): Caller {
    const grants = this.scene.world.grants.get(name) ?? {};
    const may = CALLERS.filter((caller) => grants[caller] === 'write');
    return this.random.pick(this.chance(0.93) ? may : CALLERS);
  }

  private chance(share: number): boolean {
    return this.random.next() < share;
  }

  private weighted<T>(choices: [weight: number, make: () => T][]): T {
    let left = this.random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, make] of choices) {
      left -= weight;
      if (left < 0) return make();
    }
    throw new Error('there is nothing to choose from');
  }
}
