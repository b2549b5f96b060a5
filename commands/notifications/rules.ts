import { randomUUID } from 'node:crypto';

import { Account, Team } from '../../db/entities/accounts';
import { AuthorizedEmail, NotificationRule } from '../../db/entities/notifications';
import type { DeliveryMethod, EventKind } from '../../model/events';
import { DELIVERY_METHODS, EVENT_KINDS, isEventKind } from '../../model/events';
import { readBellTarget, readEmailConfig, readWebhookConfig } from '../../model/rule-configs';
import { configuredLevel } from '../../model/rule-filters';
import { sampleEventData } from '../../model/sample-events';
import { checkBodyTemplate } from '../../model/body-template';
import { matchesWhole } from '../../model/patterns';
import type { Act, ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import { oweRuleDelivery } from './owe-delivery';

export interface RuleRepository {
  id: number;
  namespaceId: number;
  namespace: string;
  name: string;
}

export interface NewRule {
  event: string;
  method: string;
  config: Record<string, unknown>;
  eventConfig: Record<string, unknown>;
  title: string | null;
}

/** Throws `invalid`, with the field, for an unknown event or method and for what the method's config lacks. */
export async function createRule(
  deps: ActDeps,
  actor: Actor,
  repository: RuleRepository,
  input: NewRule,
): Promise<NotificationRule> {
  const event = requireEvent(input.event);
  const method = requireMethod(input.method);
  checkEventConfig(event, input.eventConfig);
  return runAct(deps, actor, async (act) => {
    await checkConfig(act, repository, method, input.config);
    const rule = act.manager.create(NotificationRule, {
      uuid: randomUUID(),
      repositoryId: repository.id,
      event,
      method,
      title: input.title,
      config: input.config,
      eventConfig: input.eventConfig,
      numberOfFailures: 0,
      createdAtMs: act.nowMs,
    });
    await act.manager.insert(NotificationRule, rule as object);
    await auditRule(act, 'add_repo_notification', repository, rule);
    return rule;
  });
}

export async function deleteRule(
  deps: ActDeps,
  actor: Actor,
  repository: RuleRepository,
  uuid: string,
): Promise<void> {
  await runAct(deps, actor, async (act) => {
    const rule = await requireRule(act, repository, uuid);
    await act.manager.delete(NotificationRule, rule.id);
    await auditRule(act, 'delete_repo_notification', repository, rule);
  });
}

/** Switches a rule that failed too often on again. */
export async function resetRule(
  deps: ActDeps,
  actor: Actor,
  repository: RuleRepository,
  uuid: string,
): Promise<void> {
  await runAct(deps, actor, async (act) => {
    const rule = await requireRule(act, repository, uuid);
    await act.manager.update(NotificationRule, rule.id, { numberOfFailures: 0, lastError: null });
    await auditRule(act, 'reset_repo_notification', repository, rule);
  });
}

/** Owes one sample message, whatever the rule's filter says; the delivery of a rule that is switched off says why it was skipped. */
export async function testRule(
  deps: ActDeps,
  actor: Actor,
  repository: RuleRepository,
  uuid: string,
  commonPayload: Record<string, unknown>,
): Promise<void> {
  await runAct(deps, actor, async (act) => {
    const rule = await requireRule(act, repository, uuid);
    const event = requireEvent(rule.event);
    await oweRuleDelivery(act, rule, {
      eventId: randomUUID(),
      payload: { ...commonPayload, ...sampleEventData(event, rule.eventConfig) },
      repository,
    });
  });
}

async function requireRule(act: Act, repository: RuleRepository, uuid: string): Promise<NotificationRule> {
  const rule = await act.manager.findOneBy(NotificationRule, { uuid, repositoryId: repository.id });
  if (!rule) {
    throw new ActError(
      'invalid',
      `No repository notification found for: ${repository.namespace}, ${repository.name}, ${uuid}`,
    );
  }
  return rule;
}

function requireEvent(event: string): EventKind {
  if (isEventKind(event)) return event;
  throw new ActError('invalid', `"${event}" is not an event; known are ${EVENT_KINDS.join(', ')}`, 'event');
}

function requireMethod(name: string): DeliveryMethod {
  const method = DELIVERY_METHODS.find((known) => known === name);
  if (method) return method;
  throw new ActError(
    'invalid',
    `"${name}" is not a method; known are ${DELIVERY_METHODS.join(', ')}`,
    'method',
  );
}

function checkEventConfig(event: EventKind, eventConfig: Record<string, unknown>): void {
  const pattern = eventConfig['ref-regex'];
  if (event.startsWith('build_') && pattern !== undefined && pattern !== null) {
    if (typeof pattern !== 'string' || (pattern !== '' && matchesWhole(pattern, '') === undefined)) {
      throw new ActError(
        'invalid',
        'ref-regex is not a regular expression (RE2 syntax)',
        'eventConfig.ref-regex',
      );
    }
  }
  const { level } = eventConfig;
  if (event !== 'vulnerability_found' || level === undefined || level === null || level === '') return;
  if (configuredLevel(level) === undefined) {
    throw new ActError(
      'invalid',
      'level must be a number from 0 (Critical) to 5 (Unknown)',
      'eventConfig.level',
    );
  }
}

async function checkConfig(
  act: Act,
  repository: RuleRepository,
  method: DeliveryMethod,
  config: Record<string, unknown>,
): Promise<void> {
  switch (method) {
    case 'webhook':
      return checkWebhook(config);
    case 'email':
      return checkEmail(act, repository, config);
    case 'quay_notification':
      return checkTarget(act, repository, config);
    default:
      method satisfies never;
  }
}

function checkWebhook(config: Record<string, unknown>): void {
  if (!config.url) throw new ActError('invalid', 'Missing webhook URL', 'config.url');
  const webhook = readWebhookConfig(config);
  if (!webhook) throw new ActError('invalid', 'Invalid webhook URL', 'config.url');
  const problem = webhook.template === undefined ? undefined : checkBodyTemplate(webhook.template);
  if (problem) throw new ActError('invalid', `the body template ${problem}`, 'config.template');
}

async function checkEmail(
  act: Act,
  repository: RuleRepository,
  config: Record<string, unknown>,
): Promise<void> {
  if (!config.email) throw new ActError('invalid', 'Missing e-mail address', 'config.email');
  const email = readEmailConfig(config)?.email;
  const row = email && (await act.manager.findOneBy(AuthorizedEmail, { repositoryId: repository.id, email }));
  if (!row || !row.confirmed) {
    throw new ActError(
      'invalid',
      'The specified e-mail address is not authorized to receive notifications for this repository',
      'config.email',
    );
  }
}

async function checkTarget(
  act: Act,
  repository: RuleRepository,
  config: Record<string, unknown>,
): Promise<void> {
  const target = readBellTarget(config);
  if (!target) throw new ActError('invalid', 'Missing target', 'config.target');
  const found = await findTarget(act, repository, target.kind, target.name);
  if (!found) throw new ActError('invalid', `Unknown ${target.kind} ${target.name}`, 'config.target');
}

async function findTarget(
  act: Act,
  repository: RuleRepository,
  kind: 'user' | 'org' | 'team',
  name: string,
): Promise<boolean> {
  switch (kind) {
    case 'user':
      return act.manager.existsBy(Account, { name, kind: 'user' });
    case 'org':
      return act.manager.existsBy(Account, { name, kind: 'organization', id: repository.namespaceId });
    case 'team':
      return act.manager.existsBy(Team, { name, organizationId: repository.namespaceId });
    default:
      return kind satisfies never;
  }
}

async function auditRule(
  act: Act,
  kind: string,
  repository: RuleRepository,
  rule: NotificationRule,
): Promise<void> {
  const subject = { namespaceId: repository.namespaceId, repositoryId: repository.id };
  await writeAudit(act, kind, subject, {
    namespace: repository.namespace,
    repo: repository.name,
    notification_id: rule.uuid,
    event: rule.event,
    method: rule.method,
  });
}
