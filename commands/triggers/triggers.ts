import { randomUUID } from 'node:crypto';

import type { AccessPolicy } from '../../auth/access';
import { namespaceAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { mintRepositoryToken } from '../../auth/tokens';
import { Account } from '../../db/entities/accounts';
import { BuildTrigger } from '../../db/entities/builds';
import { RepositoryToken } from '../../db/entities/repositories';
import { lockTrigger } from '../../db/stores/builds';
import { parseRobotName } from '../../model/names';
import { triggerConfigSchema } from '../../model/trigger-config';
import type { TriggerConfig } from '../../model/trigger-config';
import type { Act, ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { BuildRepository } from '../builds/build-deps';
import { auditSubject } from '../builds/build-deps';
import type { SshKey } from './ssh-key';
import { generateSshKey } from './ssh-key';

export interface TriggerDeps extends ActDeps {
  policy?: AccessPolicy;
}

/** Who acts, with the identity that decides which robots may be used. */
export interface TriggerCaller {
  actor: Actor;
  identity: Identity;
}

export interface Activation {
  config: unknown;
  /** `namespace+short`. */
  pullRobot?: string | null;
}

/** A trigger that nothing can start yet; with an activation it is complete at once. Only `custom-git` exists today. */
export async function createTrigger(
  deps: TriggerDeps,
  caller: TriggerCaller,
  repository: BuildRepository,
  input: { service: string; activation?: Activation },
): Promise<BuildTrigger> {
  if (input.service !== 'custom-git') {
    throw new ActError('invalid', `"${input.service}" is not a service; known is custom-git`, 'service');
  }
  const prepared = input.activation && (await prepare(input.activation));
  return runAct(deps, caller.actor, async (act) => {
    const row = act.manager.create(BuildTrigger, {
      uuid: randomUUID(),
      repositoryId: repository.id,
      service: input.service,
      config: {},
      connectedAccountId: act.actor.accountId,
      createdAtMs: act.nowMs,
    });
    const { id } = await act.manager.save(row);
    const trigger = await act.manager.findOneByOrFail(BuildTrigger, { id });
    return prepared ? activate(deps, act, { caller, repository, trigger, prepared }) : trigger;
  });
}

/** Gives a trigger its config, its key pair and its webhook token. Throws `invalid` when it is active already. */
export async function activateTrigger(
  deps: TriggerDeps,
  caller: TriggerCaller,
  repository: BuildRepository,
  { uuid, ...activation }: Activation & { uuid: string },
): Promise<BuildTrigger> {
  const prepared = await prepare(activation);
  return runAct(deps, caller.actor, async (act) => {
    const trigger = await requireTrigger(act, repository, uuid);
    if (trigger.isActive) throw new ActError('invalid', `trigger "${uuid}" is active already`);
    if (trigger.connectedAccountId !== act.actor.accountId) {
      throw new ActError('forbidden', `only who created trigger "${uuid}" may activate it`);
    }
    return activate(deps, act, { caller, repository, trigger, prepared });
  });
}

/** Enabling gives a trigger a clean record: one more failure does not switch it off again (builds spec 7 #17). */
export async function toggleTrigger(
  deps: ActDeps,
  actor: Actor,
  repository: BuildRepository,
  { uuid, enabled }: { uuid: string; enabled: boolean },
): Promise<BuildTrigger> {
  return runAct(deps, actor, async (act) => {
    const trigger = await requireTrigger(act, repository, uuid);
    if (!trigger.isActive) throw new ActError('invalid', `trigger "${uuid}" is not active`);
    const off = { disabledReason: 'user_toggled', disabledAtMs: act.nowMs } as const;
    const on = {
      disabledReason: null,
      disabledAtMs: null,
      successiveFailures: 0,
      successiveInternalErrors: 0,
    };
    await act.manager.update(BuildTrigger, trigger.id, { enabled, ...(enabled ? on : off) });
    await auditTrigger(act, 'toggle_repo_trigger', repository, trigger, { enabled });
    return act.manager.findOneByOrFail(BuildTrigger, { id: trigger.id });
  });
}

/** The webhook's password dies with the trigger; its builds stay. */
export async function deleteTrigger(
  deps: ActDeps,
  actor: Actor,
  repository: BuildRepository,
  uuid: string,
): Promise<void> {
  await runAct(deps, actor, async (act) => {
    const trigger = await requireTrigger(act, repository, uuid);
    await act.manager.delete(BuildTrigger, trigger.id);
    if (trigger.writeTokenId !== null) await act.manager.delete(RepositoryToken, trigger.writeTokenId);
    await auditTrigger(act, 'delete_repo_trigger', repository, trigger, {
      config: shownConfig(trigger.config),
    });
  });
}

interface Prepared {
  config: TriggerConfig;
  key: SshKey;
  pullRobot: string | null;
}

/** Everything that needs no row: the key takes longer than a transaction should. */
async function prepare({ config, pullRobot = null }: Activation): Promise<Prepared> {
  const parsed = triggerConfigSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = ['config', ...(issue?.path ?? [])].join('.');
    throw new ActError('invalid', `${field}: ${issue?.message ?? 'is not valid'}`, field);
  }
  return { config: parsed.data, key: await generateSshKey(), pullRobot };
}

interface ActivationOf {
  caller: TriggerCaller;
  repository: BuildRepository;
  trigger: BuildTrigger;
  prepared: Prepared;
}

async function activate(deps: TriggerDeps, act: Act, input: ActivationOf): Promise<BuildTrigger> {
  const { caller, repository, trigger, prepared } = input;
  const robot = prepared.pullRobot
    ? await requirePullRobot(deps, act, caller.identity, { repository, name: prepared.pullRobot })
    : null;
  const token = await mintRepositoryToken(act.manager, {
    repositoryId: repository.id,
    kind: 'trigger',
    role: 'write',
    friendlyName: `Build Trigger: ${trigger.service}`,
    nowMs: act.nowMs,
  });
  await act.manager.update(BuildTrigger, trigger.id, {
    ...prepared.key,
    config: prepared.config as object,
    isActive: true,
    writeTokenId: token.id,
    pullRobotId: robot?.id ?? null,
  });
  const extra = { config: shownConfig(prepared.config), pull_robot: robot?.name ?? null };
  await auditTrigger(act, 'setup_repo_trigger', repository, trigger, extra);
  return act.manager.findOneByOrFail(BuildTrigger, { id: trigger.id });
}

async function requirePullRobot(
  deps: TriggerDeps,
  act: Act,
  identity: Identity,
  { repository, name }: { repository: BuildRepository; name: string },
): Promise<Account> {
  const parsed = parseRobotName(name);
  const robot = parsed && (await act.manager.findOneBy(Account, { name, kind: 'robot' }));
  if (!robot) throw new ActError('not-found', `there is no robot "${name}"`, 'pull_robot');
  const options = deps.policy ? { policy: deps.policy } : {};
  const { role } = await namespaceAccess(act.manager, identity, parsed.namespace, options);
  if (role !== 'admin' || robot.ownerId !== repository.namespaceId) {
    throw new ActError(
      'forbidden',
      `robot "${name}" can't be used for "${repository.namespace}"`,
      'pull_robot',
    );
  }
  return robot;
}

async function requireTrigger(act: Act, repository: BuildRepository, uuid: string): Promise<BuildTrigger> {
  const found = await act.manager.findOneBy(BuildTrigger, { uuid, repositoryId: repository.id });
  const trigger = found && (await lockTrigger(act.manager, found.id));
  if (!trigger) throw new ActError('not-found', `there is no trigger "${uuid}"`);
  return trigger;
}

/** Without the user and password that an HTTP address may hold: logs have more readers than triggers. */
function shownConfig(config: Record<string, unknown>): Record<string, unknown> {
  const { build_source: source } = config;
  if (typeof source !== 'string') return config;
  return { ...config, build_source: source.replace(/^(https?:\/\/)[^/?#]*@/i, '$1') };
}

async function auditTrigger(
  act: Act,
  kind: string,
  repository: BuildRepository,
  trigger: BuildTrigger,
  extra: Record<string, unknown>,
): Promise<void> {
  await writeAudit(act, kind, auditSubject(repository), {
    repo: repository.name,
    namespace: repository.namespace,
    trigger_id: trigger.uuid,
    service: trigger.service,
    ...extra,
  });
}
