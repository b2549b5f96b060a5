/** Names of users, organizations, teams and the short names of robots (registry spec 1). */
const NAMESPACE_PATTERN = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const REPOSITORY_PATTERN = /^(?=.{1,255}$)[a-z0-9][.a-z0-9_-]*(?:\/[a-z0-9][.a-z0-9_-]*)*$/;
const TAG_PATTERN = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export function isNamespaceName(name: string): boolean {
  return name.length >= 2 && name.length <= 255 && NAMESPACE_PATTERN.test(name);
}

/** The part after the namespace; may hold further slashes. */
export function isRepositoryName(name: string): boolean {
  return REPOSITORY_PATTERN.test(name);
}

export function isTagName(name: string): boolean {
  return TAG_PATTERN.test(name);
}

export interface RepositoryPath {
  namespace: string;
  name: string;
}

/** Splits `namespace/name`; a path without a namespace belongs to `library`. Undefined when a part is not a legal name. */
export function parseRepositoryPath(path: string): RepositoryPath | undefined {
  const slash = path.indexOf('/');
  const namespace = slash < 0 ? 'library' : path.slice(0, slash);
  const name = slash < 0 ? path : path.slice(slash + 1);
  return isNamespaceName(namespace) && isRepositoryName(name) ? { namespace, name } : undefined;
}

export function formatRepositoryPath(path: RepositoryPath): string {
  return `${path.namespace}/${path.name}`;
}

export interface RobotName {
  namespace: string;
  shortName: string;
}

/** `namespace+short`; undefined when it is not the full name of a robot. */
export function parseRobotName(name: string): RobotName | undefined {
  const [namespace, shortName, ...rest] = name.split('+');
  if (!namespace || !shortName || rest.length > 0) return undefined;
  return isNamespaceName(namespace) && isNamespaceName(shortName) ? { namespace, shortName } : undefined;
}
