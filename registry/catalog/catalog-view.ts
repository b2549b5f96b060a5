import { readsAll } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { isRobotAllowed } from '../../auth/robots';
import { repositoryCap } from '../../auth/scopes';
import type { CatalogView } from '../../db/stores/catalog';
import type { Registry } from '../exchange';

/** What somebody sees of all repositories; of what is public only where asked for, and nobody only where that is allowed. */
export function catalogView(
  identity: Identity,
  registry: Registry,
  { withPublic }: { withPublic: boolean },
): CatalogView {
  const mayLook = identity.kind !== 'anonymous' || registry.deps.config.FEATURE_ANONYMOUS_ACCESS;
  return {
    accountId: grantee(identity, registry),
    everything: readsAll(identity, registry.policy),
    includesPublic: withPublic && mayLook,
  };
}

/** Whose grants count: nobody's for a token that may not read repositories, or a robot that is not to work. */
function grantee(identity: Identity, { policy }: Registry): number | null {
  if (identity.kind === 'robot') {
    return isRobotAllowed(policy.robots, identity.name) ? identity.accountId : null;
  }
  const mayRead = identity.kind === 'user' && repositoryCap(identity.scopes) !== null;
  return mayRead ? identity.accountId : null;
}
