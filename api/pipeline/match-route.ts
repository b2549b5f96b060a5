import type { ApiRoute } from '../route';

export interface RouteMatch {
  /** The routes of one path, by method. */
  methods: Map<string, ApiRoute>;
  /** Still percent-encoded. */
  params: Record<string, string>;
}

interface CompiledPath {
  pattern: RegExp;
  names: string[];
  specificity: number;
  methods: Map<string, ApiRoute>;
}

const PLACEHOLDER = /\{(\w+)\}/g;

/**
 * Compiles the route table. Repository names hold slashes, so `{r}` takes as much as it can, and of several paths that
 * fit the one with the most literal segments wins: what a literal suffix leaves over is the repository (api spec 1).
 * The slash at the end makes no difference.
 */
export function createRouteMatcher(routes: ApiRoute[]): (path: string) => RouteMatch | undefined {
  const paths = new Map<string, CompiledPath>();
  for (const route of routes) {
    const full = route.path.startsWith('//') ? route.path.slice(1) : `/api/v1${route.path}`;
    const template = withoutFinalSlash(full);
    const compiled = paths.get(template) ?? compile(template);
    if (compiled.methods.has(route.method)) throw new Error(`two routes for ${route.method} ${template}`);
    compiled.methods.set(route.method, route);
    paths.set(template, compiled);
  }
  const ordered = [...paths.values()].sort((a, b) => b.specificity - a.specificity);
  return (path) => {
    const wanted = withoutFinalSlash(path);
    for (const { pattern, names, methods } of ordered) {
      const match = pattern.exec(wanted);
      if (!match) continue;
      const params = Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? '']));
      return { methods, params };
    }
    return undefined;
  };
}

function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function compile(template: string): CompiledPath {
  const names: string[] = [];
  const source = template
    .split(PLACEHOLDER)
    .map((part, index) => {
      if (index % 2 === 0) return part.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
      names.push(part);
      return placeholderPattern(part);
    })
    .join('');
  const segments = template.split('/').filter(Boolean);
  const literals = segments.filter((segment) => !segment.startsWith('{')).length;
  return {
    pattern: new RegExp(`^${source}$`),
    names,
    // Among paths with equally many literals the one that pins down more segments says more.
    specificity: literals * 100 + segments.length,
    methods: new Map(),
  };
}

function placeholderPattern(name: string): string {
  if (name === 'r') return '([^/].*)';
  // The colon may arrive encoded.
  if (name === 'digest') return '([A-Za-z0-9_+.-]+(?::|%3[aA])[0-9a-fA-F]+)';
  return '([^/]+)';
}
