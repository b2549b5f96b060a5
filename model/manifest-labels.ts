import { parseDurationMs } from './durations';

const EXPIRY_LABEL = 'quay.expires-after';
/** A thousand years: whoever asks for more means for ever, and no column could hold it. */
const LONGEST_LIFETIME_MS = 1000 * 365 * 86_400_000;
const MAX_LABELS = 256;
const MAX_KEY_LENGTH = 255;
const MAX_VALUE_LENGTH = 4096;

export type Labels = Record<string, string>;

/** `config.Labels` of an image's config; `{}` for a config without labels or of another shape. */
export function labelsOfConfig(configText: string): Labels {
  let json: unknown;
  try {
    json = JSON.parse(configText);
  } catch {
    return {}; // Artifacts may have configs of any kind.
  }
  const labels = (json as { config?: { Labels?: unknown } | null } | null)?.config?.Labels;
  if (typeof labels !== 'object' || labels === null) return {};
  const entries = Object.entries(labels) as [string, unknown][];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Annotations win over the labels of the config (registry spec 11). */
export function mergeLabels(configLabels: Labels, annotations: Labels): Labels {
  return { ...configLabels, ...annotations };
}

/** The labels that the label store keeps; what does not fit is skipped, a push never fails for it (registry spec 18.6). */
export function storableLabels(labels: Labels): [key: string, value: string][] {
  return Object.entries(labels)
    .filter(
      ([key, value]) => key.length > 0 && key.length <= MAX_KEY_LENGTH && value.length <= MAX_VALUE_LENGTH,
    )
    .slice(0, MAX_LABELS);
}

/** How long a tag on a manifest with these labels lives, in milliseconds; null is for ever, as is an unreadable value. */
export function tagLifetimeMs(labels: Labels): number | null {
  const value = labels[EXPIRY_LABEL];
  const lifetimeMs = value === undefined ? undefined : parseDurationMs(value);
  return lifetimeMs === undefined || lifetimeMs > LONGEST_LIFETIME_MS ? null : lifetimeMs;
}

/** The labels that all children of an index share, key and value (registry spec 11). */
export function commonLabels(children: readonly Labels[]): Labels {
  const [first, ...rest] = children;
  return Object.fromEntries(
    Object.entries(first ?? {}).filter(([key, value]) => rest.every((labels) => labels[key] === value)),
  );
}
