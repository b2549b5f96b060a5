export interface Orphan {
  kind: 'build' | 'delivery';
  /** The row's uuid. */
  id: string;
  namespace: string;
  /** What a person reads in the record. */
  reason: string;
}

export interface OrphanActivities {
  findOrphans(): Promise<Orphan[]>;
  settleOrphan(orphan: Orphan): Promise<void>;
}
