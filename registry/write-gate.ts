import { RegistryError } from './errors';
import type { RegistryDeps } from './registry-deps';

type States = Pick<RegistryDeps['config'], 'REGISTRY_STATE' | 'DISABLE_PUSHES'>;

/** Nothing may be written now, not even what reading writes by the way. */
export function isReadOnly({ REGISTRY_STATE }: States): boolean {
  return REGISTRY_STATE === 'readonly';
}

/** Refuses what would change content while the operator wants it to stay as it is (registry spec 3). */
export function requireWritable(config: States): void {
  if (isReadOnly(config)) {
    const message = 'the registry is read-only for now: pulls work, pushes and deletes do not';
    throw new RegistryError('DENIED', {}, { status: 405, message, fields: { is_readonly: true } });
  }
  if (config.DISABLE_PUSHES) {
    throw new RegistryError('DENIED', {}, { status: 405, message: 'pushes are disabled for now' });
  }
}
