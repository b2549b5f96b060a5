/** Missing: something needs what is not there. Corrupt: it is not what it was. Orphaned: nothing needs it any more. */
export const FINDING_KINDS = ['missing', 'corrupt', 'orphaned', 'unreadable'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

interface Fault {
  kind: FindingKind;
  /** What is wrong, for people. */
  problem: string;
}

interface TagFinding extends Fault {
  subject: 'tag';
  /** `namespace/name` */
  repository: string;
  tag: string;
  digest: string;
}

export interface ManifestFinding extends Fault {
  subject: 'manifest';
  repository: string;
  digest: string;
  /** The digest of the blob or child that the problem is about. */
  names?: string;
  /** Live tags that lead here: `repository:tag`, a few of them. */
  neededBy: string[];
}

interface BlobFinding extends Fault {
  subject: 'blob';
  digest: string;
  /** Where its bytes should be: a key of storage. */
  file: string;
  /** Live tags that lead here; where there are none, repositories that it is linked to. */
  neededBy: string[];
}

interface FileFinding extends Fault {
  subject: 'file';
  file: string;
  sizeBytes: number;
  /** ISO 8601. */
  changedAt: string;
}

export type Finding = TagFinding | ManifestFinding | BlobFinding | FileFinding;

const KIND_WIDTH = Math.max(...FINDING_KINDS.map((kind) => kind.length));

/** One line for people. */
export function describeFinding(finding: Finding): string {
  const { kind, subject, problem } = finding;
  const needed =
    'neededBy' in finding && finding.neededBy.length > 0 ? `; needed by ${finding.neededBy.join(', ')}` : '';
  const line = `${kind.toUpperCase().padEnd(KIND_WIDTH)}  ${subject} ${nameOf(finding)}: ${problem}${needed}`;
  // A strange file may have any name, and terminals obey some characters.
  return line.replace(/\p{Cc}/gu, '?');
}

function nameOf(finding: Finding): string {
  switch (finding.subject) {
    case 'tag':
      return `${finding.repository}:${finding.tag} (${finding.digest})`;
    case 'manifest':
      return `${finding.repository}@${finding.digest}`;
    case 'blob':
      return `${finding.digest} (file ${finding.file})`;
    case 'file':
      return `${finding.file} (${finding.sizeBytes} bytes, unchanged since ${finding.changedAt})`;
    default:
      return finding satisfies never;
  }
}
