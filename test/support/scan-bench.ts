import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';

import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { DataSource } from 'typeorm';

import type { ScanActivities, ScanPlanActivities } from '../../activities/scan/activities';
import { createScanActivities, createScanPlanActivities } from '../../activities/scan/activities';
import { AdvisoryRefresher } from '../../activities/scan/advisory-refresher';
import type { ScanDeps } from '../../activities/scan/scan-deps';
import type { Account } from '../../db/entities/accounts';
import { Blob, Manifest, ManifestBlob, Tag } from '../../db/entities/content';
import { Delivery, NotificationRule } from '../../db/entities/notifications';
import { AdvisorySource, IndexReportRow } from '../../db/entities/scanning';
import { findAdvisoryDocuments } from '../../db/stores/scanning';
import type { vulnerabilityFoundPayload } from '../../model/event-payloads';
import { MANIFEST_TYPES, OCI_CONFIG_TYPE } from '../../model/media-types';
import type { Advisory } from '../../scanner/advisories/advisory';
import { lookupKeys, matchReport } from '../../scanner/matching/match-report';
import type { IndexReport } from '../../scanner/reports/index-report';
import { FilesystemStorage } from '../../storage/filesystem';
import { blobKey, uploadKey } from '../../storage/keys';
import { silentLogger } from '../../telemetry/logger';
import { freshDatabase } from './database';
import { buildRepository, buildUser, uniqueName } from './factories';
import type { BuiltLayer } from './layers';
import { digestOf } from './layers';

interface Home {
  repositoryId: number;
  /** `namespace/name` */
  repository: string;
}

export interface PushedImage extends Home {
  manifestId: number;
  digest: string;
}

export interface PushOptions {
  /** Instead of a repository of its own. */
  into?: Home;
  tags?: string[];
  configType?: string;
  layerType?: string;
}

// Activities that fail are what many of these tests are about.
const QUIET = new DefaultLogger('ERROR');

type FoundPayload = ReturnType<typeof vulnerabilityFoundPayload> & { omitted_vulnerabilities?: number };

type AllScanActivities = ScanPlanActivities & ScanActivities;

/** Storage that counts how often each blob was opened. */
class CountingStorage extends FilesystemStorage {
  readonly reads = new Map<string, number>();

  override readBlob(...args: Parameters<FilesystemStorage['readBlob']>) {
    this.reads.set(args[0], (this.reads.get(args[0]) ?? 0) + 1);
    return super.readBlob(...args);
  }
}

/** Scanning on real rows and real files, on a database of its own: advisories belong to the whole installation. */
export class ScanBench {
  activities: AllScanActivities;

  private constructor(
    readonly dataSource: DataSource,
    readonly storage: CountingStorage,
    private readonly folder: string,
    readonly deps: ScanDeps,
  ) {
    this.activities = this.newActivities();
  }

  static async open(): Promise<ScanBench> {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-scan-'));
    const storage = new CountingStorage(join(folder, 'storage'));
    await storage.prepare();
    const dataSource = await freshDatabase();
    const deps: ScanDeps = {
      dataSource,
      now: Date.now,
      storage,
      config: { SECURITY_SCANNER_MAX_LAYER_SIZE_BYTES: 1024 ** 3 },
      address: { scheme: 'https', host: 'reg.example' },
    };
    return new ScanBench(dataSource, storage, folder, deps);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  get storagePath(): string {
    return join(this.folder, 'storage');
  }

  get advisories(): string {
    return join(this.folder, 'advisories');
  }

  /** As another worker process would have them, with other limits if some are given. */
  newActivities(changes: Partial<ScanDeps> = {}): AllScanActivities {
    const deps = { ...this.deps, ...changes };
    return { ...createScanPlanActivities(deps), ...createScanActivities(deps, this.newRefresher()) };
  }

  /** Empties the advisory folder and what was loaded from it. */
  async forgetAdvisories(): Promise<void> {
    await rm(this.advisories, { recursive: true, force: true });
    await this.dataSource.manager.deleteAll(AdvisorySource);
    this.activities = this.newActivities();
  }

  newRefresher(): AdvisoryRefresher {
    const { dataSource, now } = this.deps;
    return new AdvisoryRefresher({ dataSource, now, folder: this.advisories, logger: silentLogger });
  }

  async dropAdvisory(name: string, content: string | Buffer): Promise<string> {
    const path = join(this.advisories, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  async storeBlob(bytes: Buffer, digest = digestOf(bytes)): Promise<{ id: number; storageKey: string }> {
    const known = await this.dataSource.manager.findOneBy(Blob, { digest });
    if (known) return known;
    const upload = uploadKey(randomUUID(), 1);
    const writer = await this.storage.openUpload(upload, { offset: 0 });
    await writer.append(Readable.from([bytes]));
    await writer.close();
    const key = blobKey('sha256', digest.slice('sha256:'.length), 1);
    const storageKey = await this.storage.publish(upload, key);
    const row = { digest, sizeBytes: bytes.length, storageKey, state: 'live' as const, createdAtMs: 1 };
    const { identifiers } = await this.dataSource.manager.insert(Blob, row);
    return { id: Number(identifiers[0]?.id), storageKey };
  }

  /** Rows and bytes of an image, as a push leaves them. */
  async push(layers: BuiltLayer[], options: PushOptions = {}): Promise<PushedImage> {
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', id: randomUUID() }));
    const blobs = [await this.storeBlob(config)];
    for (const { bytes, digest } of layers) blobs.push(await this.storeBlob(bytes, digest));
    const body = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPES.ociImage,
      config: {
        mediaType: options.configType ?? OCI_CONFIG_TYPE,
        digest: digestOf(config),
        size: config.length,
      },
      layers: layers.map(({ bytes, digest, mediaType }) => ({
        ...{ mediaType: options.layerType ?? mediaType, digest, size: bytes.length },
      })),
    };
    const image = await this.pushManifest(MANIFEST_TYPES.ociImage, body, options);
    const { manifestId, repositoryId } = image;
    for (const [position, { id: blobId }] of blobs.entries()) {
      await this.dataSource.manager.insert(ManifestBlob, { manifestId, repositoryId, blobId, position });
    }
    return image;
  }

  async pushManifest(
    mediaType: string,
    body: object,
    { into, tags = [] }: PushOptions = {},
  ): Promise<PushedImage> {
    const { manager } = this.dataSource;
    const { repositoryId, repository } = into ?? (await this.newRepository());
    const bytes = Buffer.from(JSON.stringify(body));
    const digest = digestOf(bytes);
    const { identifiers } = await manager.insert(Manifest, {
      ...{ repositoryId, digest, mediaType, body: bytes, sizeBytes: bytes.length },
      ...{ holdUntilMs: 1, createdAtMs: 1 },
    });
    const manifestId = Number(identifiers[0]?.id);
    for (const name of tags) {
      await manager.insert(Tag, {
        ...{ repositoryId, manifestId, name, digest, lifetimeStartMs: 1, isCurrent: true },
      });
    }
    return { manifestId, digest, repositoryId, repository };
  }

  /** Of a new user, unless an owner is given. */
  async newRepository(owner?: Account): Promise<Home> {
    const account = owner ?? (await buildUser(this.dataSource)).account;
    const { id, name } = await buildRepository(this.dataSource, { namespace: account });
    return { repositoryId: id, repository: `${account.name}/${name}` };
  }

  async addRule({ repositoryId }: PushedImage, eventConfig: Record<string, unknown> = {}): Promise<number> {
    const { identifiers } = await this.dataSource.manager.insert(NotificationRule, {
      ...{
        uuid: randomUUID(),
        repositoryId,
        event: 'vulnerability_found' as const,
        method: 'webhook' as const,
        eventConfig: eventConfig as object,
      },
      ...{ config: { url: `https://${uniqueName('hook')}.example/` } as object, createdAtMs: 1 },
    });
    return Number(identifiers[0]?.id);
  }

  /** Payloads owed to a rule, in the order in which they were written. */
  async payloads(ruleId: number): Promise<FoundPayload[]> {
    const rows = await this.dataSource.manager.find(Delivery, { where: { ruleId }, order: { id: 'ASC' } });
    return rows.map((row) => row.payload as FoundPayload);
  }

  /** What one activity does, in the context that a worker gives it for a scan of this run id. */
  run<T>(work: (activities: AllScanActivities) => Promise<T>, runId = 'run'): Promise<T> {
    const workflowExecution = { workflowId: runId, runId };
    const environment = new MockActivityEnvironment({ workflowExecution }, { logger: QUIET });
    return environment.run(() => work(this.activities));
  }

  /** The steps of `scanManifest` one after the other, without a server; how many layers were read. */
  async scan({ manifestId }: PushedImage, runId: string = randomUUID()): Promise<number> {
    await this.run((steps) => steps.refreshAdvisories(), runId);
    const plan = await this.run((steps) => steps.planScan(manifestId), runId);
    const layers = plan.outcome === 'index' ? plan.layers : [];
    for (const digest of layers) await this.run((steps) => steps.indexLayer(digest), runId);
    if (plan.outcome === 'index') await this.run((steps) => steps.storeIndexReport(manifestId), runId);
    await this.run((steps) => steps.announceFindings(manifestId), runId);
    return layers.length;
  }

  async reportRow({ manifestId }: PushedImage): Promise<IndexReportRow> {
    return this.dataSource.manager.findOneByOrFail(IndexReportRow, { manifestId });
  }

  async report(image: PushedImage): Promise<IndexReport> {
    return (await this.reportRow(image)).document as IndexReport;
  }

  /** What a reader of the report is shown now. */
  async findings(image: PushedImage) {
    const report = await this.report(image);
    const advisories = await findAdvisoryDocuments(this.dataSource.manager, lookupKeys(report));
    return matchReport(report, advisories as Advisory[]).findings;
  }

  /** `name version` of every package of the report. */
  async packages(image: PushedImage): Promise<string[]> {
    const { packages } = await this.report(image);
    return Object.values(packages)
      .map(({ name, version }) => `${name} ${version}`)
      .sort();
  }
}
