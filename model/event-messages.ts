import type { EventKind } from './events';
import type { Severity } from './severities';

/** How urgent a message is (notifications spec 2.1). */
type MessageLevel = 'info' | 'primary' | 'success' | 'warning' | 'error';

export interface EventMessage {
  /** One line: the subject of a mail. */
  summary: string;
  level: MessageLevel;
  /** What a reader wants to know first, one fact each, in order. */
  facts: { label: string; value: string }[];
  /** Where to look further. */
  link: string | null;
}

type Payload = Record<string, unknown>;

const BUILD_STATES = {
  build_queued: { words: 'queued', level: 'info' },
  build_start: { words: 'started', level: 'info' },
  build_success: { words: 'succeeded', level: 'success' },
  build_failure: { words: 'failure', level: 'error' },
  build_cancelled: { words: 'cancelled', level: 'info' },
} as const;

/** What people read about an event, from its payload (notifications spec 2, 3). */
export function describeEvent(event: EventKind, payload: Payload): EventMessage {
  const repository = text(payload.repository);
  const link = text(payload.homepage) || null;
  switch (event) {
    case 'repo_push':
      return {
        summary: `Repository ${repository} updated`,
        level: 'primary',
        facts: facts([
          ['Repository', repository],
          ['Tags', list(payload.updated_tags)],
          ['Pull', text(payload.docker_url)],
        ]),
        link,
      };
    case 'vulnerability_found':
      return describeVulnerability(payload, repository, link);
    case 'build_queued':
    case 'build_start':
    case 'build_success':
    case 'build_failure':
    case 'build_cancelled':
      return describeBuild(event, payload, repository, link);
    default:
      return event satisfies never;
  }
}

function describeBuild(
  event: keyof typeof BUILD_STATES,
  payload: Payload,
  repository: string,
  link: string | null,
): EventMessage {
  const { words, level } = BUILD_STATES[event];
  const metadata = record(payload.trigger_metadata);
  const commit = record(metadata.commit_info);
  return {
    summary: `Build ${words} for repository ${repository} [${text(payload.build_id).slice(0, 7)}]`,
    level,
    facts: facts([
      ['Repository', repository],
      ['Build', text(payload.build_id)],
      ['Tags', list(payload.docker_tags)],
      ['Commit', text(metadata.commit)],
      ['Ref', text(metadata.ref)],
      ['Author', text(record(commit.author).username)],
      ['Message', text(commit.message)],
      ['Digests', list(payload.manifest_digests)],
      ['Error', text(payload.error_message)],
    ]),
    link,
  };
}

const VULNERABILITY_LEVELS: Partial<Record<Severity, MessageLevel>> = {
  Critical: 'error',
  High: 'warning',
  Medium: 'warning',
};

function describeVulnerability(payload: Payload, repository: string, link: string | null): EventMessage {
  const found = record(payload.vulnerability);
  const priority = text(found.priority) as Severity;
  const tags = Array.isArray(payload.tags) ? payload.tags.length : 0;
  return {
    summary: `${priority} vulnerability ${text(found.id)} found in ${tags} tag${tags === 1 ? '' : 's'} of ${repository}`,
    level: VULNERABILITY_LEVELS[priority] ?? 'info',
    facts: facts([
      ['Repository', repository],
      ['Vulnerability', text(found.id)],
      ['Severity', priority],
      ['Tags', list(payload.tags)],
      ['Description', text(found.description)],
      ['More', text(found.link)],
      ['Not shown', text(payload.omitted_vulnerabilities)],
    ]),
    link,
  };
}

function facts(pairs: [string, string][]): { label: string; value: string }[] {
  return pairs.filter(([, value]) => value !== '').map(([label, value]) => ({ label, value }));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string').join(', ') : '';
}

function record(value: unknown): Payload {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : {};
}
