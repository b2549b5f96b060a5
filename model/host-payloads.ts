/** One ref of a push, as a git host told of it (builds spec 2.2); `commit` is null when the ref was deleted. */
export interface HostPush {
  commit: string | null;
  ref: string;
  default_branch: string | undefined;
  commit_info: Record<string, unknown> | undefined;
}

export type HostPayload = { kind: 'pushes'; pushes: HostPush[] } | { kind: 'skipped'; reason: string };

type Json = Record<string, unknown>;

/** Undefined when the payload has the shape of no known host. Nothing is looked up at the host. */
export function readHostPush(body: Json): HostPayload | undefined {
  return readGithub(body) ?? readBitbucket(body) ?? readGitlab(body);
}

function readGithub(body: Json): HostPayload | undefined {
  if (typeof body.zen === 'string') return skipped('this was the ping of a git host');
  const repository = record(body.repository);
  const head = body.head_commit;
  if (typeof body.ref !== 'string' || typeof repository.ssh_url !== 'string' || head === undefined) {
    return undefined;
  }
  if (head === null) return pushes([{ ...NOTHING, ref: body.ref }]);
  const { id, url, timestamp, message, author, committer } = record(head);
  if (typeof id !== 'string' || typeof url !== 'string' || typeof timestamp !== 'string') return undefined;
  const commitInfo = {
    ...texts({ url, message, date: timestamp }),
    ...githubPerson('author', author),
    ...githubPerson('committer', committer),
  };
  return pushes([
    { commit: id, ref: body.ref, default_branch: text(repository.default_branch), commit_info: commitInfo },
  ]);
}

function githubPerson(role: string, value: unknown): Json {
  const { username, html_url: url, avatar_url: avatarUrl } = record(value);
  return person(role, { username, url, avatar_url: avatarUrl });
}

/** Every branch and tag of the push (builds spec 7 #12). */
function readBitbucket(body: Json): HostPayload | undefined {
  const changes = record(body.push).changes;
  if (!Array.isArray(changes) || typeof record(body.repository).full_name !== 'string') return undefined;
  if (changes.length === 0) return skipped('the push changed no ref');
  const branch = text(record(record(body.repository).mainbranch).name) ?? 'master';
  const actor = record(body.actor);
  const found: HostPush[] = [];
  for (const change of changes) {
    const push = bitbucketChange(record(change), branch, actor);
    if (!push) return undefined;
    found.push(push);
  }
  return pushes(found);
}

function bitbucketChange(change: Json, defaultBranch: string, actor: Json): HostPush | undefined {
  const ref = record(change.new ?? change.old);
  if (typeof ref.name !== 'string') return undefined;
  const name = `refs/${ref.type === 'branch' ? 'heads' : 'tags'}/${ref.name}`;
  if (change.new === null) return { ...NOTHING, ref: name };
  const target = record(ref.target);
  if (typeof target.hash !== 'string') return undefined;
  const author = record(record(target.author).user);
  return {
    commit: target.hash,
    ref: name,
    default_branch: defaultBranch,
    commit_info: {
      ...texts({ url: record(record(target.links).html).href, message: target.message, date: target.date }),
      ...bitbucketPerson('author', author),
      ...bitbucketPerson('committer', actor),
    },
  };
}

function bitbucketPerson(role: string, user: Json): Json {
  return person(role, { username: user.display_name, avatar_url: record(record(user.links).avatar).href });
}

/** A new branch without commits of its own is a push like any other. */
function readGitlab(body: Json): HostPayload | undefined {
  const repository = record(body.repository);
  const kind = body.object_kind;
  if (typeof kind === 'string' && isRecord(body.project) && kind !== 'push' && kind !== 'tag_push') {
    return skipped(`"${kind}" is not a push`);
  }
  if (typeof body.ref !== 'string' || typeof repository.git_ssh_url !== 'string') return undefined;
  const sha = body.checkout_sha === null ? null : (text(body.checkout_sha) ?? text(body.after));
  if (sha === undefined) return undefined;
  // After a deletion `after` is forty zeros while `checkout_sha` is null.
  const commits: unknown[] = Array.isArray(body.commits) ? body.commits : [];
  const commit = record(commits.find((candidate) => record(candidate).id === sha));
  return pushes([
    {
      commit: sha,
      ref: body.ref,
      default_branch: text(record(body.project).default_branch),
      commit_info: texts({ url: commit.url, message: commit.message, date: commit.timestamp }),
    },
  ]);
}

const NOTHING = { commit: null, default_branch: undefined, commit_info: undefined };

function pushes(found: HostPush[]): HostPayload {
  return { kind: 'pushes', pushes: found };
}

function skipped(reason: string): HostPayload {
  return { kind: 'skipped', reason };
}

/** A person without a name is left out. */
function person(role: string, fields: Json): Json {
  const known = texts(fields);
  return known.username === undefined ? {} : { [role]: known };
}

/** Only the fields that are texts and not empty: hosts send null and "" for what they do not know. */
function texts(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => text(value) !== undefined));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
