import { createHash } from 'node:crypto';

import { OCI_INDEX, OCI_MANIFEST } from '../support/images';
import type { CallOptions } from '../support/registry-client';
import type { KnownManifest } from './client-journal';
import type { ClientParts } from './client-parts';
import type { Attempt } from './possible-states';
import { UploadingClient } from './uploading-client';

const TAGS = 4;
/** Something names it. */
const REFUSALS = [405, 409];

/** Does one random thing after the other in its own repository, and writes down what it was promised. */
export class JournalingClient {
  private readonly uploads: UploadingClient;
  private readonly steps: readonly (readonly [weight: number, step: () => Promise<void>])[];

  constructor(
    private readonly parts: ClientParts,
    private readonly others: readonly ClientParts[],
  ) {
    this.uploads = new UploadingClient(parts);
    this.steps = [
      [9, () => this.uploads.push()],
      [2, () => this.mount()],
      [8, () => this.pushImage()],
      [2, () => this.pushIndex()],
      [2, () => this.tagAgain()],
      [2, () => this.deleteTag()],
      [2, () => this.deleteManifest()],
      [2, () => this.deleteBlob()],
      [1, () => this.uploads.cancel()],
    ];
  }

  /** One request or several, as a user would call it one thing. */
  async act(): Promise<void> {
    const total = this.steps.reduce((sum, [weight]) => sum + weight, 0);
    let drawn = this.parts.random.between(1, total);
    const step = this.steps.find(([weight]) => (drawn -= weight) <= 0)?.[1];
    await this.parts.gate.pass(async () => step?.());
  }

  private async mount(): Promise<void> {
    const { random, repository, journal } = this.parts;
    const source = random.pick(this.others);
    const digests = source.journal.blobs.surelyIn((state) => state === 'there');
    if (digests.length === 0) return this.uploads.push();
    const digest = random.pick(digests);
    const attempt = journal.blobs.begin(digest, 'there');
    journal.sizes.set(digest, source.journal.sizes.get(digest) ?? 0);
    const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${source.repository}`;
    const status = await this.send('POST', path);
    // 202: its owner has deleted it meanwhile.
    this.conclude(attempt, status, [201], [202], `mount of ${digest}`);
  }

  private async pushImage(): Promise<void> {
    const { random, journal } = this.parts;
    const there = random.shuffle(journal.blobs.surelyIn((state) => state === 'there'));
    const [config, ...layers] = there.slice(0, random.between(2, 4));
    if (config === undefined || layers.length === 0) return this.uploads.push();
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: this.descriptor('application/vnd.test.config', config),
      layers: layers.map((digest) => this.descriptor('application/vnd.test.layer', digest)),
      annotations: { nonce: random.bytes(8).toString('hex') },
    });
    await this.put({ body, mediaType: OCI_MANIFEST });
  }

  private async pushIndex(): Promise<void> {
    const { random, journal } = this.parts;
    const there = random.shuffle(journal.manifests.surelyIn((state) => state === 'there'));
    const manifests = there.slice(0, 2).map((digest) => {
      const { body, mediaType } = this.bodyOf(digest);
      return { mediaType, digest, size: Buffer.byteLength(body) };
    });
    const annotations = { nonce: random.bytes(8).toString('hex') };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, annotations });
    await this.put({ body, mediaType: OCI_INDEX });
  }

  private async tagAgain(): Promise<void> {
    const { random, journal } = this.parts;
    const there = journal.manifests.surelyIn((state) => state === 'there');
    if (there.length === 0) return this.uploads.push();
    await this.put(this.bodyOf(random.pick(there)), this.anyTag());
  }

  private async put(manifest: KnownManifest, tag?: string): Promise<void> {
    const { random, journal, repository } = this.parts;
    const digest = digestOf(manifest.body);
    const name = tag ?? (random.next() < 0.7 ? this.anyTag() : undefined);
    journal.bodies.set(digest, manifest);
    const attempts = [journal.manifests.begin(digest, 'there')];
    if (name !== undefined) attempts.push(journal.tags.begin(name, digest));
    const path = `/v2/${repository}/manifests/${name ?? digest}`;
    const options = { body: manifest.body, headers: { 'content-type': manifest.mediaType } };
    const status = await this.send('PUT', path, options);
    this.conclude(together(attempts), status, [201], [], `push of ${name ?? ''} ${digest}`);
  }

  private async deleteTag(): Promise<void> {
    const { random, journal, repository } = this.parts;
    const tags = journal.tags.names.filter((name) => !journal.tags.isSurely(name, null));
    if (tags.length === 0) return this.uploads.push();
    const tag = random.pick(tags);
    const allowed = journal.tags.of(tag).has(null) ? [404] : [];
    const attempt = journal.tags.begin(tag, null);
    const status = await this.send('DELETE', `/v2/${repository}/manifests/${tag}`);
    this.conclude(attempt, status, [202], allowed, `delete of tag ${tag}`);
  }

  private async deleteManifest(): Promise<void> {
    const { random, journal, repository } = this.parts;
    const there = journal.manifests.surelyIn((state) => state === 'there');
    if (there.length === 0) return this.uploads.push();
    const digest = random.pick(there);
    const tags = journal.tags.surelyIn((state) => state === digest);
    const attempts = [
      journal.manifests.begin(digest, 'gone'),
      ...tags.map((name) => journal.tags.begin(name, null)),
    ];
    const status = await this.send('DELETE', `/v2/${repository}/manifests/${digest}`);
    this.conclude(together(attempts), status, [202], REFUSALS, `delete of manifest ${digest}`);
  }

  private async deleteBlob(): Promise<void> {
    const { random, journal, repository } = this.parts;
    const there = journal.blobs.surelyIn((state) => state === 'there');
    if (there.length === 0) return this.uploads.push();
    const digest = random.pick(there);
    const attempt = journal.blobs.begin(digest, 'gone');
    const status = await this.send('DELETE', `/v2/${repository}/blobs/${digest}`);
    this.conclude(attempt, status, [202], REFUSALS, `delete of blob ${digest}`);
  }

  private send(method: string, path: string, options?: CallOptions): Promise<number | undefined> {
    return this.uploads.statusOf(method, path, options);
  }

  private conclude(
    attempt: Attempt,
    status: number | undefined,
    done: readonly number[],
    refused: readonly number[],
    what: string,
  ): void {
    this.uploads.conclude(attempt, status, { done, refused, what });
  }

  private anyTag(): string {
    return `t${this.parts.random.between(1, TAGS)}`;
  }

  private bodyOf(digest: string): KnownManifest {
    const known = this.parts.journal.bodies.get(digest);
    if (!known) throw new Error(`nobody has pushed ${digest}`);
    return known;
  }

  private descriptor(mediaType: string, digest: string): { mediaType: string; digest: string; size: number } {
    return { mediaType, digest, size: this.parts.journal.sizes.get(digest) ?? 0 };
  }
}

function digestOf(body: string): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

function together(attempts: readonly Attempt[]): Attempt {
  return {
    acknowledge: () => attempts.forEach((attempt) => attempt.acknowledge()),
    refuse: () => attempts.forEach((attempt) => attempt.refuse()),
  };
}
