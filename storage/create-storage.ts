import type { Config } from '../config/schema';
import type { Storage } from './driver';
import { FilesystemStorage } from './filesystem';
import type * as S3 from './s3/open-s3';
import type { S3Options } from './s3/s3-place';
import type { S3Storage } from './s3/s3-storage';

type StorageConfig = Pick<Config, 'DISTRIBUTED_STORAGE_CONFIG'>;

/** The driver that the configuration names, ready for use; throws when its place cannot be written to. */
export async function createStorage(config: StorageConfig): Promise<Storage> {
  const storage = open(config.DISTRIBUTED_STORAGE_CONFIG.default);
  await storage.prepare();
  return storage;
}

/** The same for one who only reads, maybe from a disk that takes nothing; throws when its place is not there. */
export async function createStorageToRead(config: StorageConfig): Promise<Storage> {
  const storage = open(config.DISTRIBUTED_STORAGE_CONFIG.default);
  await storage.requirePlace();
  return storage;
}

function open([driver, options]: Config['DISTRIBUTED_STORAGE_CONFIG']['default']):
  FilesystemStorage | S3Storage {
  switch (driver) {
    case 'LocalStorage':
      return new FilesystemStorage(options.storage_path);
    case 'S3Storage': {
      const { s3_access_key: accessKey, s3_secret_key: secretKey } = options;
      return openS3({
        endpoint: options.endpoint_url ?? endpointOf({ ...options, hostname: options.host }),
        region: options.s3_region,
        bucket: options.s3_bucket,
        path: options.storage_path,
        credentials: accessKey && secretKey ? { accessKey, secretKey } : undefined,
      });
    }
    case 'RadosGWStorage':
      return openS3({
        endpoint: endpointOf(options),
        region: 'us-east-1',
        bucket: options.bucket_name,
        path: options.storage_path,
        credentials: { accessKey: options.access_key, secretKey: options.secret_key },
      });
    default:
      return driver satisfies never;
  }
}

/** The SDK takes 0.1 s and 30 MB of every process, so it is loaded only where a bucket is configured. */
function openS3(options: S3Options): S3Storage {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would load it everywhere
  const s3 = require('./s3/open-s3') as typeof S3;
  return s3.openS3(options);
}

function endpointOf(address: { hostname?: string; port?: number; is_secure: boolean }): string | undefined {
  const { hostname, port, is_secure: isSecure } = address;
  if (hostname === undefined) return undefined;
  return `${isSecure ? 'https' : 'http'}://${hostname}${port === undefined ? '' : `:${port}`}`;
}
