/**
 * The JSONPath dialect of tag templates (builds spec 3.3, after jsonpath-rw): names, quotes, `.`, `..`, `*`, `[n]`,
 * `[a:b]`, `a,b`, `|` (binds tighter than `.`), `where`, `$`, `` `this` ``. Bounded in time and depth: data and
 * expressions come from users, and it runs inside workflows.
 */
type Path =
  | { kind: 'this' | 'root' | 'every' }
  | { kind: 'fields'; names: string[] }
  | { kind: 'index'; index: number }
  | { kind: 'slice'; from: number | undefined; to: number | undefined }
  | { kind: 'child' | 'descendants' | 'union' | 'where'; left: Path; right: Path };

const MAX_EXPRESSION_LENGTH = 512;
const MAX_NESTING = 32;
const MAX_VISITS = 20_000;

/** All values that the expression finds; undefined when it is not legal or would visit too much. */
export function findByPath(expression: string, data: unknown): unknown[] | undefined {
  if (expression.length > MAX_EXPRESSION_LENGTH) return undefined;
  try {
    const path = new PathParser(tokenize(expression)).parse();
    return new Search(data).find(path, data);
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}

class PathError extends Error {}

const TOKEN =
  /\s*(?:(\.\.|[.*$|,()[\]:])|`(\w+)`|'([^']*)'|"([^"]*)"|(-?\d+)|([a-zA-Z_@][a-zA-Z0-9_@-]*))\s*/y;

interface Token {
  kind: 'symbol' | 'operator' | 'number' | 'name' | 'quoted';
  text: string;
}

function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const [, symbol, operator, single, double, number, name] = TOKEN.exec(expression) ?? [];
    if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (single !== undefined || double !== undefined) {
      tokens.push({ kind: 'quoted', text: single ?? double ?? '' });
    } else throw new PathError('a character that no token begins with');
  }
  return tokens;
}

class PathParser {
  #at = 0;
  #depth = 0;

  constructor(private readonly tokens: Token[]) {}

  parse(): Path {
    const path = this.#descendants();
    if (this.#at < this.tokens.length) throw new PathError('text after the end of the expression');
    return path;
  }

  // From the loosest binding to the tightest: `..`, `.`, `|`, `where`.
  #descendants(): Path {
    return this.#leftToRight('symbol', '..', 'descendants', () => this.#child());
  }

  #child(): Path {
    return this.#leftToRight('symbol', '.', 'child', () => this.#union());
  }

  #union(): Path {
    return this.#leftToRight('symbol', '|', 'union', () => this.#where());
  }

  #where(): Path {
    return this.#leftToRight('name', 'where', 'where', () => this.#bracketed());
  }

  #leftToRight(
    tokenKind: Token['kind'],
    text: string,
    kind: 'child' | 'descendants' | 'union' | 'where',
    operand: () => Path,
  ): Path {
    let left = operand();
    while (this.#take(tokenKind, text)) left = { kind, left, right: operand() };
    return left;
  }

  #bracketed(): Path {
    let path = this.#peek('symbol', '[') ? this.#bracket() : this.#primary();
    while (this.#peek('symbol', '[')) path = { kind: 'child', left: path, right: this.#bracket() };
    return path;
  }

  #primary(): Path {
    if (this.#take('symbol', '$')) return { kind: 'root' };
    if (this.#take('symbol', '(')) {
      if ((this.#depth += 1) > MAX_NESTING) throw new PathError('nested too deeply');
      const path = this.#descendants();
      this.#expect(')');
      this.#depth -= 1;
      return path;
    }
    const token = this.tokens[this.#at];
    if (token?.kind === 'operator') {
      if (token.text !== 'this') throw new PathError(`unknown operator "${token.text}"`);
      this.#at += 1;
      return { kind: 'this' };
    }
    return this.#fields();
  }

  #fields(): Path {
    if (this.#take('symbol', '*')) return { kind: 'every' };
    const names: string[] = [];
    do {
      const token = this.tokens[this.#at];
      if (token?.kind !== 'name' && token?.kind !== 'quoted') throw new PathError('a name was expected');
      this.#at += 1;
      names.push(token.text);
    } while (this.#take('symbol', ','));
    return { kind: 'fields', names };
  }

  #bracket(): Path {
    this.#expect('[');
    const path = this.#insideBracket();
    this.#expect(']');
    return path;
  }

  #insideBracket(): Path {
    if (this.#take('symbol', '*')) return { kind: 'slice', from: undefined, to: undefined };
    const from = this.#number();
    if (this.#take('symbol', ':')) return { kind: 'slice', from, to: this.#number() };
    return from === undefined ? this.#fields() : { kind: 'index', index: from };
  }

  #number(): number | undefined {
    const token = this.tokens[this.#at];
    if (token?.kind !== 'number') return undefined;
    this.#at += 1;
    return Number(token.text);
  }

  #peek(kind: Token['kind'], text: string): boolean {
    const token = this.tokens[this.#at];
    return token?.kind === kind && token.text === text;
  }

  #take(kind: Token['kind'], text: string): boolean {
    const found = this.#peek(kind, text);
    if (found) this.#at += 1;
    return found;
  }

  #expect(symbol: string): void {
    if (!this.#take('symbol', symbol)) throw new PathError(`"${symbol}" was expected`);
  }
}

class Search {
  #visits = 0;

  constructor(private readonly root: unknown) {}

  find(path: Path, value: unknown): unknown[] {
    this.#visit();
    switch (path.kind) {
      case 'this':
        return [value];
      case 'root':
        return [this.root];
      case 'every':
        return isRecord(value) ? Object.values(value) : [];
      case 'fields':
        return isRecord(value)
          ? path.names.filter((name) => Object.hasOwn(value, name)).map((name) => value[name])
          : [];
      case 'index':
        return Array.isArray(value) ? definedOnly(value.at(path.index)) : [];
      case 'slice':
        return Array.isArray(value) ? value.slice(path.from, path.to) : [];
      case 'child':
        return this.find(path.left, value).flatMap((found) => this.find(path.right, found));
      case 'union':
        return [...this.find(path.left, value), ...this.find(path.right, value)];
      case 'where':
        return this.find(path.left, value).filter((found) => this.find(path.right, found).length > 0);
      case 'descendants':
        return this.find(path.left, value).flatMap((found) => this.#everywhere(path.right, found, 0));
      default:
        return path satisfies never;
    }
  }

  #everywhere(path: Path, value: unknown, depth: number): unknown[] {
    if (depth > MAX_NESTING) throw new PathError('the data is nested too deeply');
    const children = Array.isArray(value)
      ? (value as unknown[])
      : isRecord(value)
        ? Object.values(value)
        : [];
    const here = this.find(path, value);
    return [...here, ...children.flatMap((child) => this.#everywhere(path, child, depth + 1))];
  }

  #visit(): void {
    if ((this.#visits += 1) > MAX_VISITS) throw new PathError('the expression visits too much');
  }
}

function definedOnly(value: unknown): unknown[] {
  return value === undefined ? [] : [value];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
