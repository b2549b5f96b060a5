import type { NotificationRule } from '../../db/entities/notifications';

/** The view of api spec 11, and `last_error`: what the newest failed try met, until one succeeds. */
export function presentRule(rule: NotificationRule) {
  return {
    uuid: rule.uuid,
    title: rule.title,
    event: rule.event,
    method: rule.method,
    config: rule.config,
    event_config: rule.eventConfig,
    number_of_failures: rule.numberOfFailures,
    last_error: rule.lastError ?? null,
  };
}
