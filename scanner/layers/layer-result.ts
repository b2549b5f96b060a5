/** A package as read from a layer. `name` is already in its ecosystem's normal form. */
export interface LayerPackage {
  name: string;
  version: string;
  kind: 'binary' | 'source';
  arch: string;
  /** Clair's informational encoding of a version, `pep440:0.2.19.1.…`; empty when there is none. */
  normalizedVersion: string;
  source?: { name: string; version: string };
}

/** A database of the operating system: its newest copy in an image is the truth (scanning spec 2.6). */
interface PackageDatabase {
  indexer: string;
  /** Path of the database file, which is also the `package_db` of the report. */
  path: string;
  /** The root that the database describes: empty, or the folder of a chroot inside the image. */
  root: string;
  packages: LayerPackage[];
}

/** A file that itself is the evidence of its packages: they live and die with it. */
export interface PackageFile {
  indexer: string;
  path: string;
  packageDb: string;
  repository: string;
  packages: LayerPackage[];
}

/** Files that a package database claims as its own; only those that an indexer of package files would read. */
interface OwnershipList {
  path: string;
  database: string;
  files: string[];
}

export interface LayerDistribution {
  root: string;
  did: string;
  name: string;
  version: string;
  versionCodeName: string;
  versionId: string;
  prettyName: string;
}

/** What indexers find in one layer. */
export interface LayerFindings {
  databases: PackageDatabase[];
  packageFiles: PackageFile[];
  ownership: OwnershipList[];
  distributions: LayerDistribution[];
}

/** All that later steps need of one layer; plain JSON, stored once per layer digest and indexer state. */
export interface LayerResult extends LayerFindings {
  entryCount: number;
  /** Paths that this layer removes from the layers below, files or whole trees. */
  whiteouts: string[];
  /** Folders whose content in the layers below is hidden; the empty string is the root. */
  opaque: string[];
  /** Folders at paths where a package file could be: they end such a file of a lower layer. */
  directories: string[];
  /** Packed digests of every path here that is not a folder (see `PackedPathSet`). */
  occupied: string;
  warnings: string[];
}
