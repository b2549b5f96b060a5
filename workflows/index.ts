export { deliverNotification } from './deliver-notification';
export { purgeExpired } from './purge-expired';
export { reapOrphans } from './reap-orphans';
