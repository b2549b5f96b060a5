import type { Config } from '../config/schema';
import type { Storage } from './driver';
import { FilesystemStorage } from './filesystem';

/** The driver that the configuration names, ready for use; throws when its place cannot be written to. */
export async function createStorage(config: Pick<Config, 'DISTRIBUTED_STORAGE_CONFIG'>): Promise<Storage> {
  const [driver, options] = config.DISTRIBUTED_STORAGE_CONFIG.default;
  switch (driver) {
    case 'LocalStorage': {
      const storage = new FilesystemStorage(options.storage_path);
      await storage.prepare();
      return storage;
    }
    default:
      return driver satisfies never;
  }
}
