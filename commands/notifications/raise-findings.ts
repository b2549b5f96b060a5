import { NotificationRule } from '../../db/entities/notifications';
import { ruleWants } from '../../model/rule-filters';
import type { Severity } from '../../model/severities';
import type { Act } from '../act';
import { oweRuleDelivery } from './owe-delivery';

export interface RaisedFinding {
  eventId: string;
  severity: Severity;
  payload: Record<string, unknown>;
}

/** One manifest may owe a rule this many messages; the last says how many more there would be (design 8). */
const MOST_PER_RULE = 100;

/** `vulnerability_found` of one manifest: a delivery per rule and finding that the rule wants, in the order given. */
export async function raiseFindings(
  act: Act,
  repository: { id: number; namespace: string; name: string },
  findings: readonly RaisedFinding[],
): Promise<void> {
  const event = 'vulnerability_found';
  const rules = await act.manager.findBy(NotificationRule, { repositoryId: repository.id, event });
  for (const rule of rules) {
    const wanted = findings.filter(({ severity }) => ruleWants(event, rule.eventConfig, { severity }));
    const omitted = wanted.length - MOST_PER_RULE;
    for (const [index, { eventId, payload }] of wanted.slice(0, MOST_PER_RULE).entries()) {
      const tellsOfMore = omitted > 0 && index === MOST_PER_RULE - 1;
      await oweRuleDelivery(act, rule, {
        eventId,
        payload: tellsOfMore ? { ...payload, omitted_vulnerabilities: omitted } : payload,
        repository,
      });
    }
  }
}
