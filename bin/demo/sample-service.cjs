'use strict';

/** A small service with a vulnerable dependency, vendored so that its build needs no network. */
const DEPENDENCY = { name: 'idna', version: '3.6' };

function serviceFiles(baseImage) {
  return {
    Dockerfile: [
      `FROM ${baseImage}`,
      'LABEL org.opencontainers.image.title="greeter"',
      'COPY vendor/ /usr/local/lib/python3.11/dist-packages/',
      'COPY greeter.py /srv/greeter.py',
      'RUN python3 -m py_compile /srv/greeter.py && echo "the service compiles"',
      'CMD ["python3", "/srv/greeter.py"]',
      '',
    ].join('\n'),
    'greeter.py': [
      'import idna',
      '',
      'print("hello from", idna.encode("slipway.example").decode(), "with idna", idna.__version__, flush=True)',
      '',
    ].join('\n'),
    // A stand-in with the metadata of the real distribution: a scanner reads exactly this file.
    [`vendor/${DEPENDENCY.name}/__init__.py`]: [
      `__version__ = "${DEPENDENCY.version}"`,
      '',
      '',
      'def encode(name):',
      '    return name.encode("ascii")',
      '',
    ].join('\n'),
    [`vendor/${DEPENDENCY.name}-${DEPENDENCY.version}.dist-info/METADATA`]: [
      'Metadata-Version: 2.1',
      `Name: ${DEPENDENCY.name}`,
      `Version: ${DEPENDENCY.version}`,
      '',
    ].join('\n'),
    [`vendor/${DEPENDENCY.name}-${DEPENDENCY.version}.dist-info/INSTALLER`]: 'vendored\n',
  };
}

/** One public advisory as the Python advisory database publishes it, reduced to the facts that matching needs. */
const ADVISORY = {
  path: 'osv/PyPI/PYSEC-2024-60.json',
  document: {
    id: 'PYSEC-2024-60',
    modified: '2024-07-11T17:25:00Z',
    published: '2024-07-07T18:15:00Z',
    aliases: ['CVE-2024-3651', 'GHSA-jjg7-2v4v-x38h'],
    details:
      'encoding specially crafted text takes quadratic time, so that a request can keep the service busy',
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
    affected: [
      {
        package: { ecosystem: 'PyPI', name: 'idna' },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.7' }] }],
      },
    ],
    references: [
      { type: 'WEB', url: 'https://github.com/kjd/idna/commit/1d365e17e10d72d0b7876316fc7b9ca0eebdd38d' },
    ],
  },
};

module.exports = { serviceFiles, ADVISORY };
