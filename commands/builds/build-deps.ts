import type { Config } from '../../config/schema';
import type { BuildInContext } from '../../db/stores/builds';
import type { BuildFacts, BuildOutcome } from '../../model/build-events';
import { buildPhasePayload } from '../../model/build-events';
import type { PublicAddress } from '../../model/event-payloads';
import type { EventKind } from '../../model/events';
import type { Act, ActDeps } from '../act';
import { raiseEvent } from '../notifications/raise-event';
import { uuidV5 } from '../notifications/uuid-v5';

export interface BuildDeps extends ActDeps {
  address: PublicAddress;
  config: Pick<
    Config,
    | 'FEATURE_BUILD_SUPPORT'
    | 'BUILD_NAMESPACE_WAITING_LIMIT'
    | 'SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD'
    | 'SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD'
  >;
}

export interface BuildRepository {
  id: number;
  namespaceId: number;
  namespace: string;
  name: string;
}

/** What messages say of a build. */
export function buildFacts({ build, trigger, repository, manualUser }: BuildInContext): BuildFacts {
  return {
    buildId: build.uuid,
    displayName: build.displayName,
    tags: build.dockerTags,
    isManual: build.isManual,
    manualUser,
    trigger: trigger && { id: trigger.uuid, service: trigger.service },
    metadata: build.triggerMetadata,
    repository,
  };
}

/** Tells the repository's rules of a step of a build; at most once per build and event, whoever repeats it. */
export async function raiseBuildEvent(
  deps: BuildDeps,
  act: Act,
  kind: EventKind,
  context: BuildInContext,
  outcome?: BuildOutcome,
): Promise<void> {
  await raiseEvent(act, {
    kind,
    repository: context.repository,
    payload: buildPhasePayload(deps.address, buildFacts(context), outcome),
    facts: refFacts(context.build.triggerMetadata),
    eventId: uuidV5(context.build.uuid, kind),
  });
}

/** What the `ref-regex` of a rule looks at. */
export function refFacts(metadata: Record<string, unknown>): { ref?: string } {
  return typeof metadata.ref === 'string' ? { ref: metadata.ref } : {};
}

export function auditSubject(repository: BuildRepository): { namespaceId: number; repositoryId: number } {
  return { namespaceId: repository.namespaceId, repositoryId: repository.id };
}
