import type { EntityManager } from 'typeorm';

import { IndexReportRow } from '../../db/entities/scanning';
import { findManifest } from '../../db/stores/manifests';
import { findAdvisoryDocuments } from '../../db/stores/scanning';
import { isIndexType } from '../../model/media-types';
import type { Advisory } from '../../scanner/advisories/advisory';
import { lookupKeys, matchReport } from '../../scanner/matching/match-report';
import type { IndexReport } from '../../scanner/reports/index-report';
import { presentSecurity } from '../../scanner/reports/present-security';
import type { ApiDeps } from '../api-deps';
import { notFound } from '../errors';
import { foundRepository } from '../found-repository';
import { booleanArgument } from '../query-arguments';
import type { ApiRoute } from '../route';
import { route } from '../route';

/** What is known of the vulnerabilities of a manifest (scanning spec 5.3). */
export function createSecurityRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '/repository/{r}/manifest/{digest}/security',
      operationId: 'getRepoManifestSecurity',
      access: 'repository-read',
      async handle(request) {
        if (!deps.config.FEATURE_SECURITY_SCANNER) throw notFound();
        const { manager } = deps.dataSource;
        const manifest = await findManifest(
          manager,
          foundRepository(request).id,
          request.params.digest ?? '',
        );
        if (!manifest || manifest.deletedAtMs !== null) throw notFound();
        // An index is never scanned itself; its manifests are (scanning spec 5.3).
        if (isIndexType(manifest.mediaType)) {
          return { status: 200, body: { status: 'unsupported', data: null } };
        }
        const row = await manager.findOneBy(IndexReportRow, { manifestId: manifest.id });
        const vulnerabilities = booleanArgument(request.query, 'vulnerabilities', true);
        return { status: 200, body: await securityOf(manager, row, vulnerabilities) };
      },
    }),
  ];
}

async function securityOf(manager: EntityManager, row: IndexReportRow | null, vulnerabilities: boolean) {
  if (row?.status !== 'scanned' || row.document === null) {
    return { status: row?.status ?? 'queued', data: null, ...(row?.error ? { error: row.error } : {}) };
  }
  // Written by the activity `storeIndexReport`; rows of advisories from the scanner's own type.
  const report = row.document as IndexReport;
  if (!vulnerabilities) return presentSecurity(report, [], { vulnerabilities });
  const advisories = (await findAdvisoryDocuments(manager, lookupKeys(report))) as Advisory[];
  return presentSecurity(report, matchReport(report, advisories).findings, { vulnerabilities });
}
