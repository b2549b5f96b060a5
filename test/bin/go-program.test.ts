import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { GoBinary } from '../support/go-program';
import { goProgram } from '../support/go-program';

const PROGRAM = { package: 'example.test/tools/cmd/hammer', version: 'v1.2.3' };

describe('goProgram', () => {
  let folder: string;
  let cache: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-go-'));
    cache = join(folder, 'slipway', 'bin');
    mkdirSync(join(folder, 'commands'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What a stand-in of Go that does this makes of the program. */
  function withGo(script: string | undefined): Promise<GoBinary> {
    const go = join(folder, 'commands', 'go');
    if (script !== undefined) {
      writeFileSync(go, `#!/bin/sh\n${script}\n`);
      chmodSync(go, 0o755);
    }
    const path = [join(folder, 'commands'), ...(script === undefined ? [] : ['/usr/bin:/bin'])].join(':');
    return goProgram(PROGRAM, { PATH: path, HOME: folder, XDG_CACHE_HOME: folder });
  }

  it('builds once for all who ask, and leaves nothing else', async () => {
    const script = `echo "$@" >> ${join(folder, 'calls')}; echo built > "$GOBIN/hammer"`;
    const [one, other] = await Promise.all([withGo(script), withGo(script)]);
    assert.equal(one, join(cache, 'hammer-v1.2.3'));
    assert.equal(other, one);
    assert.equal(await withGo('exit 1'), one);
    assert.equal(readFileSync(one, 'utf8'), 'built\n');
    assert.equal(
      readFileSync(join(folder, 'calls'), 'utf8'),
      'install example.test/tools/cmd/hammer@v1.2.3\n',
    );
    assert.deepEqual(readdirSync(cache), ['hammer-v1.2.3']);
  });

  it('says why a machine cannot have it', async () => {
    assert.match((await missing(undefined)) ?? '', /no hammer-v1\.2\.3: Go is not installed/);
  });

  it('says that the module proxy is out of reach', async () => {
    const script = 'echo "dial tcp: lookup proxy.golang.org: no such host" >&2; exit 1';
    assert.match((await missing(script)) ?? '', /no hammer-v1\.2\.3: go install failed \(no network\)/);
    assert.deepEqual(readdirSync(cache), []);
  });

  it('says that Go is too old for it', async () => {
    const script = 'echo "go.mod requires go >= 1.99 (running go 1.26; GOTOOLCHAIN=local)" >&2; exit 1';
    assert.match((await missing(script)) ?? '', /requires go >= 1\.99/);
  });

  it('fails where the means are there and the build fails', async () => {
    const script = 'echo "hammer.go:3: undefined: nail" >&2; exit 1';
    await assert.rejects(withGo(script), /example\.test\/tools\/cmd\/hammer@v1\.2\.3: .*undefined: nail/);
    assert.deepEqual(readdirSync(cache), []);
  });

  async function missing(script: string | undefined): Promise<string | undefined> {
    const binary = await withGo(script);
    return typeof binary === 'string' ? undefined : binary.missing;
  }
});
