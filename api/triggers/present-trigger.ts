import { repositoryTokenPassword } from '../../auth/tokens';
import type { BuildTrigger } from '../../db/entities/builds';
import type { TriggerInContext } from '../../db/stores/builds';
import { withoutCredentials } from '../../outbound/git-url';
import type { PublicAddress } from '../../model/event-payloads';

/** The view of api spec 10 for whoever administers the repository: its config holds the credentials. */
export function presentTrigger(address: PublicAddress, { trigger, token, pullRobot }: TriggerInContext) {
  const credentials = [
    { name: 'SSH Public Key', value: trigger.publicKey },
    {
      name: 'Webhook Endpoint URL',
      value: token && webhookUrl(address, trigger.uuid, repositoryTokenPassword(token)),
    },
  ];
  return {
    ...presentTriggerOfBuild(trigger, true),
    config: trigger.isActive ? { ...trigger.config, credentials } : trigger.config,
    ...(pullRobot === null ? {} : { pull_robot: presentRobot(pullRobot) }),
  };
}

/** The part that whoever sees a build sees of its trigger. */
export function presentTriggerOfBuild(trigger: BuildTrigger, canInvoke: boolean) {
  const { build_source: source } = trigger.config;
  return {
    id: trigger.uuid,
    service: trigger.service,
    is_active: trigger.isActive,
    build_source: typeof source === 'string' ? withoutCredentials(source) : null,
    repository_url: null,
    config: {},
    can_invoke: canInvoke,
    enabled: trigger.enabled,
    disabled_reason: trigger.disabledReason,
  };
}

export function presentRobot(name: string) {
  return { name, kind: 'user', is_robot: true };
}

/** The password is part of it: the address is the secret (builds spec 1.4). */
function webhookUrl({ scheme, host }: PublicAddress, uuid: string, password: string): string {
  return `${scheme}://$token:${password}@${host}/webhooks/push/trigger/${uuid}`;
}
