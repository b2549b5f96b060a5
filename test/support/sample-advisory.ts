import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Product } from './product';

/** Tells the product of a weakness of Python's idna 3.6, as whoever keeps its advisory folder would. */
export function dropAdvisory(made: Product): void {
  const folder = join(made.config.ADVISORIES_PATH ?? '', 'osv', 'PyPI');
  mkdirSync(folder, { recursive: true });
  const advisory = {
    id: 'PYSEC-2024-60',
    modified: '2024-07-11T17:25:00Z',
    aliases: ['CVE-2024-3651'],
    details: 'encoding crafted text takes quadratic time',
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
    affected: [
      {
        package: { ecosystem: 'PyPI', name: 'idna' },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.7' }] }],
      },
    ],
  };
  writeFileSync(join(folder, 'advisory.tmp'), JSON.stringify(advisory));
  renameSync(join(folder, 'advisory.tmp'), join(folder, 'PYSEC-2024-60.json'));
}
