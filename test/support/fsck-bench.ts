import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { DataSource, EntityManager } from 'typeorm';

import type { Finding } from '../../cli/fsck/findings';
import { fsck } from '../../cli/fsck/fsck';
import type { FsckCounts, FsckOptions } from '../../cli/fsck/run';
import { Blob, Manifest, Upload } from '../../db/entities/content';
import { parseDigest } from '../../model/digests';
import { FilesystemStorage } from '../../storage/filesystem';
import { freshDatabase } from './database';
import { buildUser } from './factories';
import type { BuiltImage, ImageParts } from './images';
import { buildImage, OCI_INDEX, OCI_MANIFEST, pushImage, putManifest } from './images';
import type { TestRegistry } from './registry';
import { startRegistry } from './registry';
import { RegistryClient, sha256 } from './registry-client';

const TABLES = [
  'tag',
  'manifest',
  'manifest_blob',
  'manifest_child',
  'missing_part',
  'blob_alias',
  'repository_blob',
  'stored_blob',
  'upload',
];
const FOLDERS = ['uploads', 'sha256', 'sha512', 'objects'];

/** A registry of its own that can be filled, hurt, looked through, and emptied again. */
export class FsckBench {
  static async start(): Promise<FsckBench> {
    const dataSource = await freshDatabase();
    const registry = await startRegistry({ dataSource, config: { FEATURE_SPARSE_INDEX: true } });
    const { account } = await buildUser(dataSource, { password: 'secret' });
    const client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    return new FsckBench(dataSource, registry, client, `${account.name}/app`);
  }

  readonly manager: EntityManager;
  readonly storage: FilesystemStorage;

  private constructor(
    readonly dataSource: DataSource,
    private readonly registry: TestRegistry,
    readonly client: RegistryClient,
    readonly repository: string,
  ) {
    this.manager = dataSource.manager;
    this.storage = new FilesystemStorage(registry.storagePath);
  }

  async close(): Promise<void> {
    await this.registry.close();
    await this.dataSource.destroy();
  }

  async empty(): Promise<void> {
    for (const table of TABLES) await this.forceDelete(table, '1 = 1');
    for (const folder of FOLDERS) rmSync(this.pathOf(folder), { recursive: true, force: true });
    await this.storage.prepare();
  }

  /** As no constraint would let it happen. */
  async forceDelete(table: string, where: string, values: unknown[] = []): Promise<void> {
    await this.dataSource.transaction(async (unchecked) => {
      await unchecked.query('SET foreign_key_checks = 0');
      await unchecked.query(`DELETE FROM ${table} WHERE ${where}`, values);
      await unchecked.query('SET foreign_key_checks = 1');
    });
  }

  /** With small pages, and no patience with young files. */
  async look(changes: Partial<FsckOptions> = {}): Promise<{ findings: Finding[]; counts: FsckCounts }> {
    const findings: Finding[] = [];
    const counts = await fsck({
      dataSource: this.dataSource,
      storage: this.storage,
      now: Date.now,
      isDeep: false,
      minAgeMs: 0,
      settleMs: 0,
      pageSize: 2,
      report: (finding) => void findings.push(finding),
      ...changes,
    });
    return { findings, counts };
  }

  /** The files that are found, and why, where nothing else is. */
  async orphaned(changes: Partial<FsckOptions> = {}): Promise<(readonly [file: string, problem: string])[]> {
    const { findings } = await this.look(changes);
    return findings.map((finding) => {
      assert.ok(finding.subject === 'file' && finding.kind === 'orphaned', JSON.stringify(finding));
      return [finding.file, finding.problem] as const;
    });
  }

  async push(tag?: string, parts: ImageParts = {}): Promise<BuiltImage> {
    const image = buildImage({ layers: [randomBytes(3000)], ...parts });
    const { status } = await pushImage(this.client, this.repository, image, tag);
    assert.equal(status, 201);
    return image;
  }

  async pushIndex(tag: string, children: BuiltImage[]): Promise<string> {
    const manifests = children.map(({ digest, body }) => {
      return { mediaType: OCI_MANIFEST, digest, size: Buffer.byteLength(body) };
    });
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    const { status } = await putManifest(this.client, this.repository, body, tag, OCI_INDEX);
    assert.equal(status, 201);
    return sha256(body);
  }

  async startUpload(bytes: string): Promise<Upload> {
    const response = await this.client.expect(202, 'POST', `/v2/${this.repository}/blobs/uploads/`);
    const location = response.headers.get('location') ?? '';
    await this.client.expect(202, 'PATCH', location, { body: bytes });
    return this.manager.findOneByOrFail(Upload, { uuid: location.split('/').at(-1) ?? '' });
  }

  blobOf(digest: string): Promise<Blob> {
    return this.manager.findOneByOrFail(Blob, { digest });
  }

  manifestOf({ digest }: { digest: string }): Promise<Manifest> {
    return this.manager.findOneByOrFail(Manifest, { digest });
  }

  pathOf(key: string): string {
    return join(this.registry.storagePath, key);
  }

  /** A file as a process would have left it. */
  putFile(key: string, content: string | Buffer = 'bytes'): string {
    mkdirSync(dirname(this.pathOf(key)), { recursive: true });
    writeFileSync(this.pathOf(key), content);
    return key;
  }
}

export function layerOf(image: BuiltImage): string {
  return image.layers[0]?.digest ?? '';
}

export function hexOf(digest: string): string {
  return parseDigest(digest)?.hex ?? '';
}
