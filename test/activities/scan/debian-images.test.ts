import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

import { BOOKWORM, dpkgStatus } from '../../scanner/layer-fixtures';
import { debianRoot } from '../../support/docker';
import { buildLayer, layerOf } from '../../support/layers';
import type { PushedImage } from '../../support/scan-bench';
import { ScanBench } from '../../support/scan-bench';

type Release = { status: string; fixed_version?: string; urgency: string };

/** Debian's tracker as it is published, with one release. */
function tracker(issues: Record<string, Record<string, Release>>): string {
  const releases = Object.entries(issues).map(([source, byId]) => [
    source,
    Object.fromEntries(
      Object.entries(byId).map(([id, release]) => [
        id,
        { description: `about ${id}`, scope: 'local', releases: { bookworm: release } },
      ]),
    ),
  ]);
  return JSON.stringify(Object.fromEntries(releases));
}

const fixed = (version: string, urgency = 'not yet assigned'): Release => ({
  ...{ status: 'resolved', fixed_version: version, urgency },
});
const open = (urgency: string): Release => ({ status: 'open', urgency });

describe('images of Debian 12', function () {
  this.timeout(240_000);
  let bench: ScanBench;

  before(async () => {
    bench = await ScanBench.open();
  });
  after(() => bench.close());

  async function lines(image: PushedImage): Promise<string[]> {
    return (await bench.findings(image)).map(
      ({ packageName, advisoryId, severity, fixedBy }) =>
        `${packageName} ${advisoryId} ${severity} ${fixedBy}`,
    );
  }

  it('are compared by the version of the source, whatever the binary is called', async () => {
    await bench.dropAdvisory(
      'debian/tracker.json',
      tracker({
        'util-linux': { 'CVE-2024-1': fixed('2.38.1-5+deb12u9', 'high') },
        libidn2: { 'CVE-2024-2': fixed('2.3.3-1'), 'CVE-2024-3': fixed('2.3.3-2', 'medium') },
        openssl: { 'CVE-2024-4': fixed('3.0.12-1', 'low'), 'CVE-2024-5': fixed('0') },
        bash: { 'CVE-2024-6': open('unimportant'), 'CVE-2024-7': { status: 'undetermined', urgency: 'low' } },
      }),
    );
    const status = dpkgStatus(
      { name: 'bsdutils', version: '1:2.38.1-5+deb12u3', source: 'util-linux (2.38.1-5+deb12u3)' },
      { name: 'libidn2-0', version: '2.3.3-1+b1', source: 'libidn2 (2.3.3-1)' },
      { name: 'libssl3', version: '3.0.11-1~deb12u2', source: 'openssl' },
      { name: 'openssl', version: '3.0.12-1' },
      { name: 'bash', version: '5.2.15-2+b2', source: 'bash (5.2.15-2)' },
    );
    const layer = await buildLayer({
      ...{ 'etc/os-release': BOOKWORM, 'var/lib/dpkg/info': { dir: true } },
      'var/lib/dpkg/status': status,
    });
    const image = await bench.push([layer]);
    await bench.scan(image);
    assert.deepEqual(await lines(image), [
      'bash CVE-2024-6 Low ',
      'bsdutils CVE-2024-1 Critical 2.38.1-5+deb12u9',
      'libidn2-0 CVE-2024-3 High 2.3.3-2',
      'libssl3 CVE-2024-4 Medium 3.0.12-1',
    ]);
  });

  it('of another release are not matched', async () => {
    const layer = await buildLayer({
      'etc/os-release': BOOKWORM.replaceAll('12', '11').replaceAll('bookworm', 'bullseye'),
      'var/lib/dpkg/info': { dir: true },
      'var/lib/dpkg/status': dpkgStatus({ name: 'bash', version: '5.1-2' }),
    });
    const image = await bench.push([layer]);
    await bench.scan(image);
    assert.deepEqual(await lines(image), []);
    assert.deepEqual(await bench.packages(image), ['bash 5.1-2']);
  });

  it('made by debootstrap show what is not fixed in the versions that they really hold', async function () {
    const root = debianRoot();
    if ('missing' in root) {
      console.log(`      skipped: ${root.missing}`);
      return this.skip();
    }
    const status = execFileSync('tar', ['-xOf', root.archive, './var/lib/dpkg/status'], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 ** 2,
    });
    const installed = status.split('\n\n').filter((stanza) => /^Status: .* installed$/m.test(stanza));
    const versionOf = (name: string) => {
      const stanza = installed.find((text) => text.startsWith(`Package: ${name}\n`)) ?? '';
      return /^Version: (.*)$/m.exec(stanza)?.[1] ?? '';
    };
    const bash = versionOf('bash').replace(/\+b\d+$/, '');
    const tar = versionOf('tar');
    const utilLinux = versionOf('util-linux');
    await bench.forgetAdvisories();
    await bench.dropAdvisory(
      'debian/tracker.json',
      tracker({
        bash: { 'CVE-2024-10': fixed(`${bash}.1`, 'high'), 'CVE-2024-11': fixed(bash, 'high') },
        tar: { 'CVE-2024-12': fixed(`${tar}+deb12u9`, 'medium'), 'CVE-2024-13': fixed(tar, 'medium') },
        'util-linux': { 'CVE-2024-14': fixed(`${utilLinux}.1`, 'low') },
      }),
    );
    const image = await bench.push([{ ...layerOf(await readFile(root.archive), 'none') }]);
    const startedMs = performance.now();
    await bench.scan(image);
    console.log(`      ${installed.length} packages in ${Math.round(performance.now() - startedMs)} ms`);

    const packages = await bench.packages(image);
    assert.equal(packages.length, installed.length);
    assert.ok(packages.includes(`bash ${versionOf('bash')}`));
    const found = await lines(image);
    assert.deepEqual(
      found.filter((line) => /^(bash|tar|bsdutils) /.test(line)),
      [
        `bash CVE-2024-10 Critical ${bash}.1`,
        `bsdutils CVE-2024-14 Medium ${utilLinux}.1`,
        `tar CVE-2024-12 High ${tar}+deb12u9`,
      ],
    );
    const ofUtilLinux = found
      .filter((line) => line.includes('CVE-2024-14'))
      .map((line) => line.split(' ')[0]);
    assert.ok(ofUtilLinux.includes('mount') && ofUtilLinux.includes('util-linux'), ofUtilLinux.join());
  });
});
