import assert from 'node:assert/strict';

import { matchReport } from '../../scanner/matching/match-report';
import { presentSecurity } from '../../scanner/reports/present-security';
import { osvFixture, trackerFixture } from './advisory-fixtures';
import { BOOKWORM, distInfo, dpkgStatus, type FixtureEntry, indexImage } from './layer-fixtures';

const ADVISORIES = [...osvFixture('PYSEC-2099-1').advisories, ...trackerFixture()];

async function present(layers: FixtureEntry[][], vulnerabilities = true) {
  const report = await indexImage(...layers);
  const { findings } = matchReport(report, ADVISORIES);
  return presentSecurity(report, findings, { vulnerabilities });
}

describe('presentSecurity', () => {
  it('is the shape of Quay for a Python package', async () => {
    const vector = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H';
    assert.deepEqual(await present([[distInfo('slip-gate', '3.0')]]), {
      status: 'scanned',
      data: {
        Layer: {
          Name: 'sha256:manifest',
          ParentName: '',
          NamespaceName: '',
          IndexedByVersion: 4,
          Features: [
            {
              Name: 'slip-gate',
              VersionFormat: '',
              NamespaceName: '',
              AddedBy: 'layer0',
              Version: '3.0',
              BaseScores: [7.5],
              CVEIds: ['CVE-2099-0001'],
              Vulnerabilities: [
                {
                  Severity: 'High',
                  NamespaceName: 'osv/pypi',
                  Link: 'https://example.invalid/advisory https://example.invalid/notes',
                  FixedBy: '3.2.15',
                  Description: 'Slipgate parses too much.',
                  Name: 'PYSEC-2099-1',
                  Metadata: {
                    UpdatedBy: 'osv/pypi',
                    RepoName: 'pypi',
                    RepoLink: null,
                    DistroName: null,
                    DistroVersion: null,
                    NVD: { CVSSv3: { Vectors: vector, Score: 7.5 } },
                  },
                },
              ],
            },
          ],
        },
      },
    });
  });

  it('names the distribution of a Debian package', async () => {
    const status = dpkgStatus({ name: 'mount', version: '2.38.1-5', source: 'util-linux' });
    const { data } = await present([
      [
        ['etc/os-release', BOOKWORM],
        ['var/lib/dpkg/status', status],
      ],
    ]);
    const [feature] = data.Layer.Features;
    assert.deepEqual(feature?.CVEIds, ['CVE-2099-0002']);
    assert.deepEqual(feature?.BaseScores, []);
    assert.deepEqual(feature?.Vulnerabilities[0]?.Metadata, {
      UpdatedBy: 'debian/updater',
      RepoName: null,
      RepoLink: null,
      DistroName: 'Debian GNU/Linux',
      DistroVersion: '12 (bookworm)',
      NVD: { CVSSv3: { Vectors: '', Score: '' } },
    });
  });

  it('shows the finding at both of two equal packages in different paths', async () => {
    const { data } = await present([
      [distInfo('slip-gate', '3.0')],
      [distInfo('slip-gate', '3.0', 'opt/site')],
    ]);
    assert.deepEqual(
      data.Layer.Features.map(({ AddedBy, Vulnerabilities }) => [AddedBy, Vulnerabilities.length]),
      [
        ['layer1', 1],
        ['layer0', 1],
      ],
    );
  });

  it('shows one advisory once within a feature', async () => {
    const report = await indexImage([distInfo('slip-gate', '3.0')]);
    const { findings } = matchReport(report, ADVISORIES);
    const { data } = presentSecurity(report, [...findings, ...findings], { vulnerabilities: true });
    assert.equal(data.Layer.Features[0]?.Vulnerabilities.length, 1);
  });

  it('gives the features alone when asked to', async () => {
    const { data } = await present([[distInfo('slip-gate', '3.0'), distInfo('clean', '1')]], false);
    assert.deepEqual(
      data.Layer.Features.map(({ Name, Vulnerabilities, CVEIds, BaseScores }) => [
        Name,
        Vulnerabilities,
        CVEIds,
        BaseScores,
      ]),
      [
        ['clean', [], [], []],
        ['slip-gate', [], [], []],
      ],
    );
  });
});
