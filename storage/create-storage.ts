import type { Config } from '../config/schema';
import type { Storage } from './driver';
import { FilesystemStorage } from './filesystem';

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

function open([driver, options]: Config['DISTRIBUTED_STORAGE_CONFIG']['default']): FilesystemStorage {
  switch (driver) {
    case 'LocalStorage':
      return new FilesystemStorage(options.storage_path);
    default:
      return driver satisfies never;
  }
}
