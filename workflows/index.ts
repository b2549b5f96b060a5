export { deliverNotification } from './deliver-notification';
export { purgeOutbox } from './purge-outbox';
export { reapOrphans } from './reap-orphans';
