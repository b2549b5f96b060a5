import { newRobotToken } from '../../auth/tokens';
import type { Config } from '../../config/schema';
import { Account } from '../../db/entities/accounts';
import type { NamespaceFacts } from '../../db/stores/access';
import { isNamespaceName } from '../../model/names';
import type { Act } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { Caller, GuardedDeps } from '../caller';
import { requireNamespaceAdmin } from '../caller';
import type { AccountDefaults } from './insert-account';
import { insertAccount } from './insert-account';

export type NewRobotDeps = GuardedDeps & AccountDefaults & { config: Pick<Config, 'ROBOTS_DISALLOW'> };

export interface RobotName {
  /** An organization, or the caller's own name. */
  namespace: string;
  shortName: string;
}

/** Makes a robot with a token, which the row keeps sealed and shows again (api spec 14). */
export async function createRobot(
  deps: NewRobotDeps,
  caller: Caller,
  input: RobotName & { description?: string },
): Promise<Account> {
  const { shortName, description = '' } = input;
  const name = `${input.namespace}+${shortName}`;
  if (description.length > 255) throw new ActError('invalid', 'The description is too long', 'description');
  return runAct(deps, caller.actor, async (act) => {
    const namespace = await requireNamespaceAdmin(act, deps, caller, input.namespace);
    if (deps.config.ROBOTS_DISALLOW) {
      throw new ActError('invalid', 'Robot accounts have been disabled. Please contact your administrator.');
    }
    if (!isNamespaceName(shortName) || name.length > 255) {
      throw new ActError('invalid', `Invalid robot name "${shortName}"`, 'name');
    }
    const robot = await insertAccount(
      act,
      deps,
      { kind: 'robot', name, description, ownerId: namespace.id, robotToken: newRobotToken() },
      `Existing robot with name: ${name}`,
    );
    await audit(act, 'create_robot', namespace, { robot: shortName, description });
    return robot;
  });
}

/** Removes a robot with its permissions and team memberships; what it pushed stays. */
export function deleteRobot(deps: GuardedDeps, caller: Caller, input: RobotName): Promise<void> {
  return onRobot(deps, caller, input, async (act, robot, namespace) => {
    await act.manager.delete(Account, { id: robot.id });
    await audit(act, 'delete_robot', namespace, { robot: input.shortName });
  });
}

/** Gives the robot another token; the old one stops working at once. */
export function regenerateRobotToken(deps: GuardedDeps, caller: Caller, input: RobotName): Promise<Account> {
  return onRobot(deps, caller, input, async (act, robot, namespace) => {
    const robotToken = newRobotToken();
    await act.manager.update(Account, { id: robot.id }, { robotToken });
    await audit(act, 'regenerate_robot_token', namespace, { robot: input.shortName });
    return { ...robot, robotToken };
  });
}

function onRobot<T>(
  deps: GuardedDeps,
  caller: Caller,
  { namespace: owner, shortName }: RobotName,
  work: (act: Act, robot: Account, namespace: NamespaceFacts) => Promise<T>,
): Promise<T> {
  return runAct(deps, caller.actor, async (act) => {
    const namespace = await requireNamespaceAdmin(act, deps, caller, owner);
    const where = { name: `${owner}+${shortName}`, kind: 'robot' as const, ownerId: namespace.id };
    const robot = await act.manager.findOneBy(Account, where);
    if (!robot) throw new ActError('invalid', 'Could not find robot with specified username', 'name');
    return work(act, robot, namespace);
  });
}

function audit(
  act: Act,
  kind: string,
  namespace: NamespaceFacts,
  metadata: Record<string, unknown>,
): Promise<void> {
  return writeAudit(act, kind, { namespaceId: namespace.id }, metadata);
}
