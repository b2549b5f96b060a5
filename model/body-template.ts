import { findByPath } from './json-path';

const LONGEST_TEMPLATE = 64 * 1024;

/**
 * Whether a text is a body template: JSON whose strings, keys too, may hold `${expression}`; every expression must be
 * legal (notifications spec 4.4). Undefined when it is; else what is wrong with it.
 */
export function checkBodyTemplate(template: string): string | undefined {
  if (template.length > LONGEST_TEMPLATE) return `is longer than ${LONGEST_TEMPLATE} characters`;
  let document: unknown;
  try {
    document = JSON.parse(template);
  } catch {
    return 'is not JSON';
  }
  for (const text of textsOf(document)) {
    for (const [placeholder, expression = ''] of text.matchAll(PLACEHOLDER)) {
      if (findByPath(expression, {}) === undefined) {
        return `has an expression that is not legal: ${placeholder}`;
      }
    }
  }
  return undefined;
}

/** The body that a checked template makes of a payload. */
export function renderBodyTemplate(template: string, payload: Record<string, unknown>): string {
  return JSON.stringify(fill(JSON.parse(template), payload));
}

const PLACEHOLDER = /\$\{([^}]*)\}/g;
const ONLY_PLACEHOLDER = /^\$\{([^}]*)\}$/;

function textsOf(document: unknown): string[] {
  if (typeof document === 'string') return [document];
  if (Array.isArray(document)) return document.flatMap(textsOf);
  if (typeof document !== 'object' || document === null) return [];
  return Object.entries(document).flatMap(([key, value]) => [key, ...textsOf(value)]);
}

function fill(node: unknown, payload: Record<string, unknown>): unknown {
  if (typeof node === 'string') return fillText(node, payload);
  if (Array.isArray(node)) return node.map((item) => fill(item, payload));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [asText(fillText(key, payload)), fill(value, payload)]),
  );
}

/** A text that is one placeholder keeps the type of what it finds; inside other text values are joined with commas. */
function fillText(text: string, payload: Record<string, unknown>): unknown {
  const only = ONLY_PLACEHOLDER.exec(text)?.[1];
  if (only !== undefined) {
    const found = findByPath(only, payload) ?? [];
    return found.length > 1 || /\*|\.\.|[,:|]/.test(only) ? found : (found[0] ?? null);
  }
  return text.replace(PLACEHOLDER, (_placeholder, expression: string) => {
    const found = findByPath(expression, payload) ?? [];
    return found.length === 0 ? '(none)' : found.map(asText).join(',');
  });
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
