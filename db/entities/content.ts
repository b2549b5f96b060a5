import { Column, Entity, ForeignKey, Index } from 'typeorm';

import { Big, Flag, Id, Int, Json, Ref, Text, Uuid } from '../columns';
import { Repository } from './repositories';

export type BlobState = 'live' | 'candidate' | 'deleting';

/** One row per content of the whole installation; repositories only hold links. */
@Entity('stored_blob')
@Index('stored_blob_key', ['storageKey'])
export class Blob {
  @Id() id: number;
  /** Its sha256. */
  @Text(140, { unique: true }) digest: string;
  @Big() sizeBytes: number;
  /** Never reused: it carries a generation (performance spec 9). */
  @Text(255) storageKey: string;
  @Text(16) state: BlobState;
  @Big() createdAtMs: number;
}

/** Another digest of a blob: a client announced it, and the bytes proved it. */
@Entity('blob_alias')
@Index('blob_alias_blob', ['blobId'])
export class BlobAlias {
  @Id() id: number;
  @Text(140, { unique: true }) digest: string;
  @ForeignKey(() => Blob, { onDelete: 'CASCADE' })
  @Ref()
  blobId: number;
}

/** What makes a blob readable in a repository: a manifest that uses it, or a hold until `holdUntilMs`. */
@Entity('repository_blob')
@Index('repository_blob_link', ['repositoryId', 'blobId'], { unique: true })
@Index('repository_blob_blob', ['blobId'])
export class RepositoryBlob {
  @Id() id: number;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @ForeignKey(() => Blob)
  @Ref()
  blobId: number;
  @Big() holdUntilMs: number;
}

/** An upload session; its bytes lie in storage under `storageKey` of the current epoch. */
@Entity('upload')
@Index('upload_expiry', ['expiresAtMs'])
export class Upload {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Big() receivedBytes: number;
  @Text(255) storageKey: string;
  /** Grows with every change of owner; late writes of an old owner hit a file that nobody reads. */
  @Int() epoch: number;
  /** The process that holds the session, and with it the running hash. */
  @Text(64, { nullable: true }) leaseOwner: string | null;
  @Big({ nullable: true }) leaseUntilMs: number | null;
  @Big() createdAtMs: number;
  @Big() expiresAtMs: number;
}

@Entity('manifest')
@Index('manifest_digest', ['repositoryId', 'digest'], { unique: true })
@Index('manifest_subject', ['repositoryId', 'subjectDigest'])
export class Manifest {
  @Id() id: number;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(140) digest: string;
  @Text(255) mediaType: string;
  /** The bytes exactly as they were pushed. */
  @Column({ type: 'mediumblob' }) body: Buffer;
  @Big() sizeBytes: number;
  /** Sum of the layers; null for an index. */
  @Big({ nullable: true }) layersSizeBytes: number | null;
  @Text(255, { nullable: true }) configMediaType: string | null;
  @Text(255, { nullable: true }) artifactType: string | null;
  @Text(140, { nullable: true }) subjectDigest: string | null;
  /** Set by an explicit delete by digest: gone for readers at once, collected later. */
  @Big({ nullable: true }) deletedAtMs: number | null;
  /** Not collected before this although no tag holds it. */
  @Big() holdUntilMs: number;
  @Big() createdAtMs: number;
}

@Entity('manifest_blob')
@Index('manifest_blob_link', ['manifestId', 'position'], { unique: true })
@Index('manifest_blob_blob', ['blobId', 'repositoryId'])
export class ManifestBlob {
  @Id() id: number;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  manifestId: number;
  @Ref() repositoryId: number;
  @ForeignKey(() => Blob)
  @Ref()
  blobId: number;
  /** 0 is the config, layers count from 1, base first. */
  @Int() position: number;
}

@Entity('manifest_child')
@Index('manifest_child_link', ['parentId', 'childId'], { unique: true })
@Index('manifest_child_child', ['childId'])
export class ManifestChild {
  @Id() id: number;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  parentId: number;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  childId: number;
}

/** What a manifest names and its repository does not have yet; a row becomes a link when it comes (registry spec 18.2). */
@Entity('missing_part')
@Index('missing_part_digest', ['repositoryId', 'digest'])
@Index('missing_part_manifest', ['manifestId'])
export class MissingPart {
  @Id() id: number;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  manifestId: number;
  @Ref() repositoryId: number;
  /** As the manifest writes it. */
  @Text(140) digest: string;
  /** That of the link to a blob; null for a child of an index. */
  @Int({ nullable: true }) position: number | null;
}

/** One lifetime of a tag: [start, end). A move ends one row and starts the next. */
@Entity('tag')
@Index('tag_current', ['repositoryId', 'name', 'isCurrent'], { unique: true })
@Index('tag_history', ['repositoryId', 'lifetimeStartMs'])
@Index('tag_manifest', ['manifestId'])
@Index('tag_expiry', ['lifetimeEndMs'])
export class Tag {
  @Id() id: number;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(128) name: string;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  manifestId: number;
  /** The digest, in its algorithm, that the tag was put with (registry spec 18.1). */
  @Text(140) digest: string;
  @Big() lifetimeStartMs: number;
  /** In the future: when it will expire; in the past: when it ended. */
  @Big({ nullable: true }) lifetimeEndMs: number | null;
  /** True on the newest lifetime of a name until it is ended explicitly, null on all others: a unique key sees to that. */
  @Flag({ nullable: true }) isCurrent: true | null;
  @Flag({ default: 0 }) reversion: boolean;
  @Flag({ default: 0 }) immutable: boolean;
}

@Entity('manifest_label')
@Index('manifest_label_manifest', ['manifestId', 'labelKey'])
export class ManifestLabel {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Manifest, { onDelete: 'CASCADE' })
  @Ref()
  manifestId: number;
  @Text(255) labelKey: string;
  @Json() labelValue: string;
  @Text(32) mediaType: string;
  @Text(16) source: 'manifest' | 'api' | 'internal';
}
