import type { TagLifetime } from '../../db/stores/tag-history';
import { isIndexType } from '../../model/media-types';
import { rfcDate, unixSeconds } from '../present/dates';

/** Which of an index's children are here. */
export type ChildPresence = Record<string, boolean>;

/** One lifetime in the shape of api spec 7; `presence` belongs to indexes. */
export function presentTag(tag: TagLifetime, presence: ChildPresence = {}) {
  const isIndex = isIndexType(tag.mediaType);
  return {
    name: tag.name,
    reversion: tag.reversion,
    start_ts: unixSeconds(tag.lifetimeStartMs),
    manifest_digest: tag.digest,
    is_manifest_list: isIndex,
    size: isIndex ? null : tag.layersSizeBytes,
    last_modified: rfcDate(tag.lifetimeStartMs),
    ...(tag.lifetimeEndMs === null ? {} : presentEnd(tag.lifetimeEndMs)),
    ...(isIndex ? presentChildren(presence) : {}),
  };
}

function presentEnd(atMs: number) {
  return { end_ts: unixSeconds(atMs), expiration: rfcDate(atMs) };
}

function presentChildren(presence: ChildPresence) {
  const present = Object.values(presence).filter(Boolean).length;
  const count = Object.keys(presence).length;
  return {
    is_sparse: present < count,
    child_manifest_count: count,
    present_child_count: present,
    child_manifests_presence: presence,
  };
}

/** The shorter shape inside the view of a repository (api spec 6). */
export function presentTagOfRepository(tag: TagLifetime) {
  return {
    name: tag.name,
    size: isIndexType(tag.mediaType) ? null : tag.layersSizeBytes,
    last_modified: rfcDate(tag.lifetimeStartMs),
    manifest_digest: tag.digest,
    ...(tag.lifetimeEndMs === null ? {} : { expiration: rfcDate(tag.lifetimeEndMs) }),
  };
}
