import assert from 'node:assert/strict';

import { codesIn } from './expectations';
import type { Answer, ConformanceClient } from './client';

/** A repository as one client reaches it. */
export class ClientRepository {
  constructor(
    readonly client: ConformanceClient,
    readonly name: string,
  ) {}

  get uploads(): string {
    return `/v2/${this.name}/blobs/uploads/`;
  }

  blob(digest: string): string {
    return `/v2/${this.name}/blobs/${digest}`;
  }

  manifest(reference: string): string {
    return `/v2/${this.name}/manifests/${reference}`;
  }

  get tags(): string {
    return `/v2/${this.name}/tags/list`;
  }

  referrers(digest: string): string {
    return `/v2/${this.name}/referrers/${digest}`;
  }

  /** Deletes what is at an address, which is to be gone at once. */
  async remove(location: string): Promise<void> {
    await this.client.expect(202, 'DELETE', location);
    await this.client.expect(404, 'HEAD', location);
  }

  /** A refusal in the form of the protocol. */
  async refuse(
    status: number,
    code: string,
    [method, location, parts]: Parameters<ConformanceClient['send']>,
  ): Promise<Answer> {
    const answer = await this.client.expect(status, method, location, parts);
    assert.deepEqual(codesIn(answer), [code]);
    return answer;
  }
}
