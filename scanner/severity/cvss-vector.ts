/** Allowed values of each metric, one string of letters or a list. */
export type MetricGrammar = Readonly<Record<string, string | readonly string[]>>;

/** Reads `M:V/M:V…`; undefined on an unknown or repeated metric or an unknown value. Keeps the order of the vector. */
export function parseCvssMetrics(metrics: string, grammar: MetricGrammar): Map<string, string> | undefined {
  const found = new Map<string, string>();
  for (const part of metrics.split('/')) {
    const [name = '', value = '', ...rest] = part.split(':');
    if (rest.length > 0 || value === '' || found.has(name) || !Object.hasOwn(grammar, name)) return undefined;
    if (!grammar[name]?.includes(value) || (typeof grammar[name] === 'string' && value.length !== 1)) {
      return undefined;
    }
    found.set(name, value);
  }
  return found;
}
