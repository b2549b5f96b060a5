import type { PublicAddress } from './event-payloads';
import { repositoryPayload } from './event-payloads';

/** What messages about a build tell of it (notifications spec 2.2). */
export interface BuildFacts {
  buildId: string;
  displayName: string;
  tags: string[];
  isManual: boolean;
  manualUser: string | null;
  trigger: { id: string; service: string } | null;
  metadata: Record<string, unknown>;
  repository: { namespace: string; name: string };
}

export type BuildOutcome = { imageId: string; digest: string } | { errorMessage: string };

/** Body of `build_queued`. */
export function buildQueuedPayload(address: PublicAddress, build: BuildFacts): Record<string, unknown> {
  const { trigger } = build;
  return {
    ...commonPayload(address, build),
    repo: build.repository.name,
    is_manual: build.isManual,
    manual_user: build.manualUser,
    ...(trigger && {
      trigger_id: trigger.id,
      trigger_kind: trigger.service,
      trigger_metadata: build.metadata,
      trigger_manual: build.isManual,
    }),
  };
}

/** Body of the events after that; the outcome for success and failure only. */
export function buildPhasePayload(
  address: PublicAddress,
  build: BuildFacts,
  outcome?: BuildOutcome,
): Record<string, unknown> {
  return {
    ...commonPayload(address, build),
    build_name: build.displayName,
    trigger_id: build.trigger?.id ?? null,
    trigger_kind: build.trigger?.service ?? null,
    trigger_metadata: build.metadata,
    ...(outcome && outcomePayload(address, build, outcome)),
  };
}

function commonPayload(address: PublicAddress, build: BuildFacts): Record<string, unknown> {
  const common = repositoryPayload(address, build.repository);
  return {
    ...common,
    homepage: `${common.homepage}/build/${build.buildId}`,
    build_id: build.buildId,
    docker_tags: build.tags,
  };
}

function outcomePayload(
  address: PublicAddress,
  { repository: { namespace, name } }: BuildFacts,
  outcome: BuildOutcome,
): Record<string, unknown> {
  if ('errorMessage' in outcome) return { error_message: outcome.errorMessage };
  return {
    image_id: outcome.imageId,
    manifest_digests: [`${address.host}/${namespace}/${name}@${outcome.digest}`],
  };
}
