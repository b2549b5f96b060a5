import type { Severity } from './severities';

/** How the outside world reaches this installation. */
export interface PublicAddress {
  scheme: 'http' | 'https';
  /** Host, with the port where it is not the scheme's own. */
  host: string;
}

/** The keys that every event of a repository carries (notifications spec 1). */
export interface RepositoryPayload {
  repository: string;
  namespace: string;
  name: string;
  docker_url: string;
  homepage: string;
}

/** Build events put their own page, `<homepage>/build/<uuid>`, over `homepage`. */
export function repositoryPayload(
  address: PublicAddress,
  repository: { namespace: string; name: string },
): RepositoryPayload {
  const { namespace, name } = repository;
  return {
    repository: `${namespace}/${name}`,
    namespace,
    name,
    docker_url: `${address.host}/${namespace}/${name}`,
    homepage: `${address.scheme}://${address.host}/repository/${namespace}/${name}`,
  };
}

/** Body of `repo_push` (notifications spec 2.2). */
export function repoPushPayload(
  address: PublicAddress,
  repository: { namespace: string; name: string },
  updatedTags: string[],
): RepositoryPayload & { updated_tags: string[] } {
  return { ...repositoryPayload(address, repository), updated_tags: updatedTags };
}

/** What receivers learn of one finding (notifications spec 2.3). */
export interface VulnerabilityFacts {
  id: string;
  description: string;
  /** One address; empty when the source names none. */
  link: string;
  priority: Severity;
  has_fix: boolean;
}

const MOST_TAGS = 100;
const LONGEST_DESCRIPTION = 2000;

/** Body of `vulnerability_found` at the first index of a manifest; without a tag `tags` holds its digest. */
export function vulnerabilityFoundPayload(
  address: PublicAddress,
  repository: { namespace: string; name: string },
  manifest: { digest: string; tags: readonly string[] },
  vulnerability: VulnerabilityFacts,
) {
  return {
    ...repositoryPayload(address, repository),
    tags: manifest.tags.length > 0 ? manifest.tags.slice(0, MOST_TAGS) : [manifest.digest],
    vulnerability: {
      ...vulnerability,
      description: vulnerability.description.slice(0, LONGEST_DESCRIPTION),
    },
    vulnerable_index_report_created: 'true',
  };
}
