import { S3Client } from '@aws-sdk/client-s3';

export interface S3Options {
  /** Of another store than Amazon's. */
  endpoint: string | undefined;
  region: string;
  bucket: string;
  /** A folder within the bucket; slashes around it do not count. */
  path: string;
  /** Undefined: whatever the SDK finds, such as the role of the machine. */
  credentials: { accessKey: string; secretKey: string } | undefined;
}

/** A folder of a bucket, and how to talk to it. */
export interface S3Place {
  client: S3Client;
  bucket: string;
  /** Stands before every key: empty, or ends with a slash. */
  prefix: string;
}

/** Throttling (`SlowDown`), 5xx and broken connections are tried again, with growing pauses. */
const ATTEMPTS = 5;
const CONNECT_TIMEOUT_MS = 5_000;
/** From the request to the head of its answer, for one attempt; the calls that carry or copy many bytes have their own. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Longer than a reader of ours may be idle: while it is, nothing comes from the store either. */
const IDLE_TIMEOUT_MS = 120_000;
/** Every pull under way holds one. */
const MOST_CONNECTIONS = 1024;

export function createS3Place({ endpoint, region, bucket, path, credentials }: S3Options): S3Place {
  const folder = path.replace(/^\/+|\/+$/g, '');
  const agent = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
  const client = new S3Client({
    region,
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    // Other stores than Amazon's seldom have names for buckets below their own.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && {
      credentials: { accessKeyId: credentials.accessKey, secretAccessKey: credentials.secretKey },
    }),
    // Not every store knows the newer checksums; the bodies are signed, and blobs are compared with their digests.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would cost a connection for every part.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
  return { client, bucket, prefix: folder === '' ? '' : `${folder}/` };
}
