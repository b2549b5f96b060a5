import type { RepositoryPath } from '../model/names';
import { parseRepositoryPath } from '../model/names';

/** The repository that a client means; some leave `<our host>/` in front of it (registry spec 1). */
export function repositoryOfName(name: string, host: string): RepositoryPath | undefined {
  return parseRepositoryPath(name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name);
}
