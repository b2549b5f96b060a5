export { buildImage } from './build-image';
export { buildQueue } from './build-queue';
export { deliverNotification } from './deliver-notification';
export { purgeExpired } from './purge-expired';
export { reapOrphans } from './reap-orphans';
export { scanManifest } from './scan-manifest';
export { sweepStorage } from './sweep-storage';
export { updateAdvisories } from './update-advisories';
