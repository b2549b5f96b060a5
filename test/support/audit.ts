import type { DataSource } from 'typeorm';

import { AuditLog } from '../../db/entities/repositories';

export interface AuditEntry {
  kind: string;
  performerId: number | null;
  metadata: Record<string, unknown>;
}

/** The usage log of a namespace, oldest first. */
export async function auditOf(dataSource: DataSource, namespaceId: number): Promise<AuditEntry[]> {
  const rows = await dataSource.manager.find(AuditLog, { where: { namespaceId }, order: { id: 'ASC' } });
  return rows.map(({ kind, performerId, metadata }) => ({
    kind,
    performerId,
    metadata: JSON.parse(metadata) as Record<string, unknown>,
  }));
}
