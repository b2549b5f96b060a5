export { reapOrphans } from './reap-orphans';
