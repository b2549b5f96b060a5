import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, promises, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Random } from '../support/random';
import { RecordedDisk } from './recorded-disk';

describe('a recorded disk', () => {
  let home: string;
  let disk: RecordedDisk;
  const inside = (name: string) => join(home, 'disk', name);
  const rebuild = () => disk.rebuild(join(home, 'rest'), new Random(1), 'all');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'slipway-disk-'));
    mkdirSync(join(home, 'disk'));
    writeFileSync(inside('old'), 'there before');
    disk = new RecordedDisk({ root: join(home, 'disk') });
  });
  afterEach(async () => {
    await disk.release();
    rmSync(home, { recursive: true, force: true });
  });

  it('leaves what was there before, and what was synced since', async () => {
    for (const name of ['synced', 'not']) {
      const file = await promises.open(inside(name), 'wx');
      await file.writev([Buffer.from('by'), Buffer.from('tes')], 0);
      if (name === 'synced') await file.datasync();
      await file.close();
      const folder = await promises.open(join(home, 'disk'), 'r');
      if (name === 'synced') await folder.sync();
      await folder.close();
    }
    rebuild();
    assert.equal(readFileSync(join(home, 'rest', 'old'), 'utf8'), 'there before');
    assert.equal(readFileSync(join(home, 'rest', 'synced'), 'utf8'), 'bytes');
    assert.ok(!existsSync(join(home, 'rest', 'not')));
  });

  it('refuses calls whose loss it does not know, and only below its root', async () => {
    assert.throws(
      () => promises.writeFile(inside('file'), ''),
      /writeFile is not known to the recorded disk/,
    );
    const file = await promises.open(inside('file'), 'w');
    assert.throws(() => file.write('text'), /write is not known/);
    assert.throws(() => file.appendFile('text'), /appendFile is not known/);
    await file.close();
    await promises.writeFile(join(home, 'beside'), 'text');
  });

  it('notices changes that went past it', () => {
    writeFileSync(inside('old'), 'changed');
    writeFileSync(inside('stray'), '');
    assert.throws(rebuild, /changes that were not recorded: [^,]+old, [^,]+stray$/);
  });

  it('answers nothing once the power is off', async () => {
    disk.cut();
    const answered = promises.mkdir(inside('folder')).then(() => true);
    const later = new Promise((resolve) => setImmediate(() => resolve('silence')));
    assert.equal(await Promise.race([answered, later.then(() => later)]), 'silence');
    assert.ok(!existsSync(inside('folder')));
  });
});
