import type { EventKind } from './events';
import { configuredLevel } from './rule-filters';
import { SEVERITIES } from './severities';

const BUILD = {
  build_id: '00000000-0000-4000-8000-000000000000',
  build_name: 'aabbccd',
  docker_tags: ['latest', 'foo', 'bar'],
  trigger_id: '00000000-0000-4000-8000-000000000001',
  trigger_kind: 'custom-git',
  trigger_metadata: {
    commit: 'aabbccddeeff00112233445566778899aabbccdd',
    ref: 'refs/heads/somebranch',
    default_branch: 'somebranch',
    git_url: 'git@git.example:acme/app.git',
    commit_info: { message: 'a test message', author: { username: 'someone' } },
  },
};

/** What a test of a rule sends beside the common keys (notifications spec 6). */
export function sampleEventData(
  event: EventKind,
  eventConfig: Record<string, unknown>,
): Record<string, unknown> {
  switch (event) {
    case 'repo_push':
      return { updated_tags: ['latest', 'foo'] };
    case 'build_queued':
      return { ...BUILD, repo: 'test', is_manual: false, manual_user: null, trigger_manual: false };
    case 'build_failure':
      return { ...BUILD, error_message: 'this is a test of the rule, not a failure' };
    case 'build_success':
      return { ...BUILD, image_id: 'sha256:0000', manifest_digests: [] };
    case 'build_start':
    case 'build_cancelled':
      return BUILD;
    case 'vulnerability_found':
      return {
        tags: ['latest', 'prod', 'foo', 'bar', 'baz'],
        vulnerability: {
          id: 'CVE-FAKE-CVE',
          description: 'a test of the rule, not a vulnerability',
          link: 'https://example.com/CVE-FAKE-CVE',
          priority: SEVERITIES[configuredLevel(eventConfig.level) ?? SEVERITIES.length - 1],
          has_fix: true,
        },
      };
    default:
      return event satisfies never;
  }
}
