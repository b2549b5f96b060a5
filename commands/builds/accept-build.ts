import { randomUUID } from 'node:crypto';

import { Account } from '../../db/entities/accounts';
import { Build, BuildTrigger } from '../../db/entities/builds';
import { Repository } from '../../db/entities/repositories';
import { lockRepository } from '../../db/stores/access';
import type { BuildInContext } from '../../db/stores/builds';
import { countOpenBuilds } from '../../db/stores/builds';
import { resolveTriggerPaths } from '../../model/build-context';
import { buildQueuedPayload } from '../../model/build-events';
import type { CommitMetadata } from '../../model/tag-templates';
import { renderTags } from '../../model/tag-templates';
import type { TriggerConfig } from '../../model/trigger-config';
import type { Act, Actor } from '../act';
import { enqueue, runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import { raiseEvent } from '../notifications/raise-event';
import { requireEnabled } from '../repositories/require-repository';
import type { BuildDeps, BuildRepository } from './build-deps';
import { auditSubject, buildFacts, refFacts } from './build-deps';

export interface NewBuild {
  repository: BuildRepository;
  trigger: BuildTrigger;
  metadata: CommitMetadata;
  /** Started by a person, not by a push. */
  isManual: boolean;
}

/**
 * Accepts one build of a trigger: the row with its tags, `build_queued` and the outbox row. Throws `invalid` when the
 * trigger is off, inactive or gone, `wrong-state` when the repository or its namespace takes no writes, `limit` when the
 * namespace has too many waiting.
 */
export async function acceptBuild(deps: BuildDeps, actor: Actor, input: NewBuild): Promise<Build> {
  return runAct(deps, actor, async (act) => {
    await lockRepository(act.manager, input.repository, 'update');
    checkTrigger(deps, input.trigger);
    const namespace = await act.manager.findOneByOrFail(Account, { id: input.repository.namespaceId });
    requireEnabled(namespace);
    await checkStanding(act, input);
    await checkLimit(deps, act, namespace);
    const build = await insertBuild(act, input);
    await tellOfBuild(deps, act, input, build);
    return build;
  });
}

function checkTrigger(deps: BuildDeps, trigger: BuildTrigger): void {
  if (!deps.config.FEATURE_BUILD_SUPPORT) {
    throw new ActError('wrong-state', 'builds are switched off on this installation');
  }
  if (!trigger.isActive) throw new ActError('invalid', `trigger "${trigger.uuid}" is not active`);
  if (!trigger.enabled) {
    const reason = trigger.disabledReason ?? 'user_toggled';
    throw new ActError('invalid', `trigger "${trigger.uuid}" is disabled (${reason})`);
  }
}

/** What the caller found may have been deleted or frozen since. */
async function checkStanding(act: Act, { repository, trigger }: NewBuild): Promise<void> {
  const found = await act.manager.findOneBy(Repository, { id: repository.id });
  if (found?.state !== 'NORMAL') {
    throw new ActError('wrong-state', `Repository is in read only or mirror mode: ${found?.state ?? 'gone'}`);
  }
  if (await act.manager.existsBy(BuildTrigger, { id: trigger.id })) return;
  throw new ActError('invalid', `trigger "${trigger.uuid}" was deleted`);
}

/** Not exact: builds that are accepted in the same instant do not see each other. */
async function checkLimit(deps: BuildDeps, act: Act, namespace: Account): Promise<void> {
  const { waiting, open } = await countOpenBuilds(act.manager, namespace.id);
  const own = namespace.maximumQueuedBuilds;
  if (waiting >= deps.config.BUILD_NAMESPACE_WAITING_LIMIT || (own !== null && open >= own)) {
    throw new ActError('limit', `namespace "${namespace.name}" has too many builds: ${open} have not ended`);
  }
}

async function insertBuild(act: Act, { repository, trigger, metadata, isManual }: NewBuild): Promise<Build> {
  // Checked by `triggerConfigSchema` when the trigger was activated.
  const config = trigger.config as TriggerConfig;
  const { context, dockerfilePath } = resolveTriggerPaths(config);
  const build = act.manager.create(Build, {
    uuid: randomUUID(),
    repositoryId: repository.id,
    triggerId: trigger.id,
    phase: 'waiting',
    displayName: metadata.commit.slice(0, 7),
    dockerTags: renderTags(config, metadata),
    context,
    dockerfilePath,
    triggerMetadata: metadata,
    isManual,
    manualAccountId: act.actor.kind === 'user' ? act.actor.accountId : null,
    pullRobotId: trigger.pullRobotId,
    status: {},
    createdAtMs: act.nowMs,
  });
  const { id } = await act.manager.save(build);
  return act.manager.findOneByOrFail(Build, { id });
}

async function tellOfBuild(
  deps: BuildDeps,
  act: Act,
  { repository, trigger, metadata }: NewBuild,
  build: Build,
): Promise<void> {
  const manualUser = build.manualAccountId === null ? null : act.actor.name;
  const context: BuildInContext = { build, trigger, repository, manualUser };
  await writeAudit(act, 'build_dockerfile', auditSubject(repository), {
    repo: repository.name,
    namespace: repository.namespace,
    build_id: build.uuid,
    docker_tags: build.dockerTags,
    is_manual: build.isManual,
    manual_user: manualUser,
    trigger_id: trigger.uuid,
    trigger_kind: trigger.service,
    commit: metadata.commit,
    ref: metadata.ref ?? null,
  });
  await raiseEvent(act, {
    kind: 'build_queued',
    repository,
    payload: buildQueuedPayload(deps.address, buildFacts(context)),
    facts: refFacts(metadata),
  });
  await enqueue(act, {
    kind: 'build.queued',
    orderingKey: `repository:${repository.id}`,
    payload: {
      buildId: build.uuid,
      namespace: repository.namespace,
      repository: repository.name,
      triggerKind: trigger.service,
      displayName: build.displayName,
    },
  });
}
