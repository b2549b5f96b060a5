import type { AnnounceDeps } from '../../commands/scans/announce-findings';
import type { Config } from '../../config/schema';
import type { Storage } from '../../storage/driver';
import type { ReadLimits } from './read-layer';

export interface ScanDeps extends AnnounceDeps {
  storage: Storage;
  config: Pick<Config, 'SECURITY_SCANNER_MAX_LAYER_SIZE_BYTES'>;
  /** Replace the defaults of reading a layer. */
  readLimits?: Partial<ReadLimits>;
}
