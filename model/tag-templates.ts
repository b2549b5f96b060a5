import { findByPath } from './json-path';
import { parseRef } from './refs';

/** The parts of a trigger's config that decide on tags (builds spec 1.2, 3). */
export interface TagConfig {
  tag_templates?: readonly string[] | null;
  /** True when absent. */
  default_tag_from_ref?: boolean | null;
  /** True when absent. */
  latest_for_default_branch?: boolean | null;
}

/** What is known of a commit (builds spec 2.1); for custom triggers the whole payload, extra keys included. */
export interface CommitMetadata {
  commit: string;
  ref?: string;
  default_branch?: string;
  commit_info?: Record<string, unknown>;
  [extra: string]: unknown;
}

const MAX_RESULT_LENGTH = 1024;
/** Quay cuts here although a registry takes 128 (builds spec 3.4). */
const MAX_TAG_LENGTH = 127;

/**
 * The tags of a build, in this order: templates, the ref, `latest`; each once after sanitising, so never empty and
 * always legal (builds spec 3.1, with our decisions on 7 #13). A template that finds nothing, or an object, is dropped.
 */
export function renderTags(config: TagConfig, metadata: CommitMetadata): string[] {
  const data = templateData(metadata);
  const ref = metadata.ref === undefined ? undefined : parseRef(metadata.ref);
  const tags = (config.tag_templates ?? []).map((template) => renderTemplate(template, data));
  if (ref && config.default_tag_from_ref !== false) tags.push(ref.name);
  if (
    ref?.kind === 'heads' &&
    config.latest_for_default_branch !== false &&
    ref.name === metadata.default_branch
  ) {
    tags.push('latest');
  }
  const wanted = tags.filter((tag) => tag !== undefined && tag !== '') as string[];
  if (wanted.length === 0) wanted.push(metadata.commit.slice(0, 7));
  return [...new Set(wanted.map(sanitiseTag))];
}

/** A legal tag name, ASCII only (builds spec 3.4); an empty text becomes `latest`. */
export function sanitiseTag(text: string): string {
  if (text === '') return 'latest';
  return text
    .replace(/[^A-Za-z0-9_.-]/gu, '_')
    .replace(/^[.-]/, '_')
    .slice(0, MAX_TAG_LENGTH);
}

/** Undefined when a placeholder finds nothing, finds an object or is no legal expression. */
function renderTemplate(template: string, data: Record<string, unknown>): string | undefined {
  let rendered = '';
  let at = 0;
  for (const match of template.matchAll(/\$\{([^}]*)\}/g)) {
    const value = renderPlaceholder(match[1] ?? '', data);
    if (value === undefined) return undefined;
    rendered += template.slice(at, match.index) + value;
    at = match.index + match[0].length;
    if (rendered.length > MAX_RESULT_LENGTH) break;
  }
  return rendered + template.slice(at);
}

function renderPlaceholder(expression: string, data: Record<string, unknown>): string | undefined {
  const found = findByPath(expression, data)?.filter((value) => value !== null && value !== undefined);
  if (!found || found.length === 0) return undefined;
  const texts: string[] = [];
  for (const value of found) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      return undefined;
    }
    texts.push(String(value));
  }
  return texts.join(',').slice(0, MAX_RESULT_LENGTH);
}

const REF_FIELDS = { heads: 'branch', tags: 'tag', remotes: 'remote' } as const;

/** Metadata with the derived fields of builds spec 3.2. */
function templateData(metadata: CommitMetadata): Record<string, unknown> {
  const ref = metadata.ref === undefined ? undefined : parseRef(metadata.ref);
  const commitInfo = metadata.commit_info ?? {};
  return {
    // Quay's manual writes ${committer.properties.username}; its metadata never had that name (spec 3.2).
    committer: { properties: commitInfo.committer },
    ...metadata,
    commit_info: { ...commitInfo, short_sha: metadata.commit.slice(0, 7) },
    ...(ref ? { parsed_ref: { [REF_FIELDS[ref.kind]]: ref.name } } : {}),
  };
}
