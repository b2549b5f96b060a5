import { notFound } from './errors';
import type { ApiRequest } from './route';

export interface FoundRepository {
  id: number;
  uuid: string;
  namespaceId: number;
  namespace: string;
  name: string;
}

/** The repository that the router found for `{r}`; every access that names one guarantees it. */
export function foundRepository({ repository: access }: ApiRequest): FoundRepository {
  if (!access?.repository || !access.namespace) throw notFound();
  const { id, uuid } = access.repository;
  return {
    id,
    uuid,
    namespaceId: access.namespace.id,
    namespace: access.path.namespace,
    name: access.path.name,
  };
}
