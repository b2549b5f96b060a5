import type { EntityManager } from 'typeorm';

import { Account, Team, TeamMember } from '../entities/accounts';
import { Delivery, NotificationRule } from '../entities/notifications';
import { Repository } from '../entities/repositories';

export interface OwedDelivery {
  delivery: Delivery;
  /** Null for a mail that belongs to no rule. */
  rule: NotificationRule | null;
}

/** One delivery with its rule, as they are now; undefined when the rule, and with it the delivery, was deleted. */
export async function findDelivery(manager: EntityManager, uuid: string): Promise<OwedDelivery | undefined> {
  const delivery = await manager.findOneBy(Delivery, { uuid });
  if (!delivery) return undefined;
  const rule =
    delivery.ruleId === null ? null : await manager.findOneBy(NotificationRule, { id: delivery.ruleId });
  return { delivery, rule };
}

/** The same under a row lock, for whoever ends the delivery; the rule is locked too, so its counter is exact. */
export async function lockDelivery(manager: EntityManager, uuid: string): Promise<OwedDelivery | undefined> {
  const delivery = await manager.findOne(Delivery, { where: { uuid }, lock: { mode: 'pessimistic_write' } });
  if (!delivery) return undefined;
  const rule =
    delivery.ruleId === null
      ? null
      : await manager.findOne(NotificationRule, {
          where: { id: delivery.ruleId },
          lock: { mode: 'pessimistic_write' },
        });
  return { delivery, rule };
}

export interface BellTarget {
  kind: 'user' | 'org' | 'team';
  name: string;
}

/** Ids of the accounts whose bell a target rings; empty when it no longer exists (notifications spec 4.2). */
export async function findBellAccounts(
  manager: EntityManager,
  repositoryId: number,
  target: BellTarget,
): Promise<number[]> {
  if (target.kind === 'user') {
    return (await manager.findBy(Account, { name: target.name, kind: 'user' })).map((account) => account.id);
  }
  const repository = await manager.findOneBy(Repository, { id: repositoryId });
  if (!repository) return [];
  if (target.kind === 'org') {
    const organization = await manager.findOneBy(Account, {
      id: repository.namespaceId,
      kind: 'organization',
    });
    return organization?.name === target.name ? [organization.id] : [];
  }
  const members: { accountId: number | string }[] = await manager
    .createQueryBuilder(TeamMember, 'member')
    .select('member.accountId', 'accountId')
    .innerJoin(Team, 'team', 'team.id = member.teamId')
    .innerJoin(Account, 'account', 'account.id = member.accountId')
    .where('team.organizationId = :organization AND team.name = :name', {
      organization: repository.namespaceId,
      name: target.name,
    })
    .andWhere("account.kind = 'user'")
    .getRawMany();
  return members.map((member) => Number(member.accountId));
}
