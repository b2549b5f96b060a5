import { isNamespaceName } from './names';

/** The event of the delivery that asks an address for its consent. */
export const CONFIRM_EMAIL = 'confirm_email';

export interface WebhookConfig {
  url: string;
  /** Makes the body in place of the payload. */
  template?: string;
}

export interface BellTargetConfig {
  kind: 'user' | 'org' | 'team';
  name: string;
}

const LONGEST_URL = 4096;

/** Undefined when the config has no http or https URL (notifications spec 4.4). */
export function readWebhookConfig(config: unknown): WebhookConfig | undefined {
  const url = field(config, 'url');
  if (typeof url !== 'string' || url.length > LONGEST_URL || !URL.canParse(url)) return undefined;
  if (!/^https?:$/.test(new URL(url).protocol)) return undefined;
  const template = field(config, 'template');
  return typeof template === 'string' && template !== '' ? { url, template } : { url };
}

/** Lower case; undefined when it is no address of the form `name@dotted.domain`, at most 254 characters. */
export function normaliseEmail(address: unknown): string | undefined {
  if (typeof address !== 'string' || address.length > 254) return undefined;
  return /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\]]+\.[^\s@<>(),;:"\\[\].]+$/.test(address)
    ? address.toLowerCase()
    : undefined;
}

export function readEmailConfig(config: unknown): { email: string } | undefined {
  const email = normaliseEmail(field(config, 'email'));
  return email === undefined ? undefined : { email };
}

export function readBellTarget(config: unknown): BellTargetConfig | undefined {
  const target = field(config, 'target');
  const kind = field(target, 'kind');
  const name = field(target, 'name');
  if (kind !== 'user' && kind !== 'org' && kind !== 'team') return undefined;
  return typeof name === 'string' && isNamespaceName(name) ? { kind, name } : undefined;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
