import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';

import type { Config } from '../../config/schema';
import { S3Multiparts } from '../../storage/s3/s3-multiparts';
import type { S3Place } from '../../storage/s3/s3-place';
import { createS3Place } from '../../storage/s3/s3-place';
import { eventually } from './eventually';
import { soonNeeded } from './go-program';
import { freePort, startProcess } from './processes';

/** An S3-compatible server. */
export const VERSITYGW = soonNeeded({
  package: 'github.com/versity/versitygw/cmd/versitygw',
  version: 'v1.8.0',
});
const ACCESS_KEY = 'slipway-tests';

export interface S3Server {
  port: number;
  secretKey: string;
  /** A bucket of its own, with the configuration that names it. */
  newBucket(): Promise<TestBucket>;
  stop(): Promise<void>;
}

export interface TestBucket {
  config: Pick<Config, 'DISTRIBUTED_STORAGE_CONFIG'>;
  /** As the driver has it. */
  place: S3Place;
  /** Keys of all objects, without the folder that the configuration names. */
  keys(): Promise<string[]>;
  /** Keys of multipart uploads that were neither completed nor given up. */
  openMultiparts(): Promise<string[]>;
  remove(key: string): Promise<void>;
  /** As a call begins one and then dies. */
  beginMultipart(key: string): Promise<void>;
}

/** The folder within the bucket: nothing may be written beside it. */
const FOLDER = 'some/registry';

export async function startS3Server(path: string): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'slw-s3-'));
  const port = await freePort();
  const secretKey = randomUUID();
  const server = startProcess(
    path,
    ['--port', `127.0.0.1:${port}`, '--quiet', '--health', '/health', 'posix', folder],
    { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: secretKey },
  );
  await eventually(async () => {
    if (server.child.exitCode !== null) throw new Error(`versitygw ended: ${server.output().slice(-2000)}`);
    const { status } = await fetch(`http://127.0.0.1:${port}/health`);
    if (status !== 200) throw new Error(`versitygw is not ready: ${status}`);
  });
  return {
    port,
    secretKey,
    newBucket: () => newBucket(port, secretKey),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function newBucket(port: number, secretKey: string): Promise<TestBucket> {
  const bucket = `test-${randomUUID()}`;
  const place = createS3Place({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket,
    path: FOLDER,
    credentials: { accessKey: ACCESS_KEY, secretKey },
  });
  await place.client.send(new CreateBucketCommand({ Bucket: bucket }));
  const list = (keys: (string | undefined)[]) =>
    keys
      .map((key = '') => (key.startsWith(place.prefix) ? key.slice(place.prefix.length) : `/${key}`))
      .sort();
  return {
    config: { DISTRIBUTED_STORAGE_CONFIG: { default: driverOf({ port, secretKey, bucket }) } },
    place,
    async keys() {
      const { Contents = [] } = await place.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return list(Contents.map(({ Key }) => Key));
    },
    async openMultiparts() {
      const { Uploads = [] } = await place.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return list(Uploads.map(({ Key }) => Key));
    },
    async remove(key) {
      await place.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: place.prefix + key }));
    },
    async beginMultipart(key) {
      await new S3Multiparts(place).begin(key);
    },
  };
}

/** Of a bucket behind a port, which may be that of something between the client and the server. */
export function driverOf(options: {
  port: number;
  secretKey: string;
  bucket: string;
}): Config['DISTRIBUTED_STORAGE_CONFIG']['default'] {
  return [
    'RadosGWStorage',
    {
      hostname: '127.0.0.1',
      port: options.port,
      is_secure: false,
      bucket_name: options.bucket,
      access_key: ACCESS_KEY,
      secret_key: options.secretKey,
      storage_path: `/${FOLDER}`,
    },
  ];
}
