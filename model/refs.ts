export interface ParsedRef {
  kind: 'heads' | 'tags' | 'remotes';
  /** Everything after the second slash. */
  name: string;
}

const REF = /^refs\/(heads|tags|remotes)\/(.+)$/;

/** Undefined for refs of other kinds, such as `refs/pull/1/head`. */
export function parseRef(ref: string): ParsedRef | undefined {
  const [, kind, name] = REF.exec(ref) ?? [];
  return kind && name ? { kind: kind as ParsedRef['kind'], name } : undefined;
}
