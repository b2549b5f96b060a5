import { RegistryError } from '../errors';

const ACTIONS = ['pull', 'push', 'delete', '*'] as const;
export type Action = (typeof ACTIONS)[number];

/** What a client asks for; the name stays as it wrote it (registry spec 1). */
export interface RequestedScope {
  name: string;
  actions: Action[];
}

/** What a token allows on one repository, as far as its identity still may. */
export interface Grant {
  name: string;
  actions: string[];
}

const NAME = /^(?:[\w.-]+(?::\d+)?\/)?(?:[.\w-]+\/)*[.\w-]+$/;
const ACTION_LIST = /^[\w*]*(?:,[\w*]+)*$/;

/** Each costs a query, before anybody has said who asks. */
const SCOPES_AT_ONCE = 100;

/** Scopes of a token request: the parameter may be repeated, and each may hold several, blank-separated (registry spec 9.1). */
export function parseScopes(parameters: readonly string[]): RequestedScope[] {
  const words = parameters.flatMap((parameter) => parameter.split(/\s+/).filter(Boolean));
  if (words.length > SCOPES_AT_ONCE) {
    throw new RegistryError(
      'INVALID_REQUEST',
      { limit: SCOPES_AT_ONCE },
      { message: 'too many scopes at once' },
    );
  }
  return words.flatMap((word) => {
    // Clients that list repositories ask for this one; the catalog needs only an identity.
    if (/^registry:catalog:/.test(word)) return [];
    return [parseScope(word)];
  });
}

function parseScope(word: string): RequestedScope {
  const first = word.indexOf(':');
  const last = word.lastIndexOf(':');
  const name = word.slice(first + 1, last);
  const actions = word.slice(last + 1);
  const isRepository = /^repository(?:\([\w-]+\))?$/.test(word.slice(0, first));
  if (!isRepository || last <= first || !NAME.test(name) || !ACTION_LIST.test(actions)) {
    throw new RegistryError(
      'INVALID_REQUEST',
      { scope: word },
      { message: 'Unable to decode repository and actions' },
    );
  }
  const asked = actions.split(',');
  return { name, actions: ACTIONS.filter((action) => asked.includes(action)) };
}

/** Pushing includes pulling and deleting, `*` includes everything (registry spec 9.3). */
export function allows(granted: readonly string[], needed: Action): boolean {
  if (granted.includes('*') || granted.includes(needed)) return true;
  return needed !== '*' && granted.includes('push');
}
