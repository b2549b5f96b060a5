import assert from 'node:assert/strict';

import { Random } from '../support/random';
import type { Loss, Tree } from './disk-model';
import { DiskModel, LOSSES, ModelFile, ModelFolder } from './disk-model';

describe('the model of a disk', () => {
  const bytes = Buffer.alloc(3 * 4096, 'x');
  let disk: DiskModel;

  beforeEach(() => {
    disk = new DiskModel();
  });

  function addFile(name: string, folder = disk.root): ModelFile {
    const file = new ModelFile();
    disk.change([{ folder, name, entry: file }]);
    file.write(0, bytes);
    return file;
  }

  function addFolder(name: string): ModelFolder {
    const folder = new ModelFolder();
    disk.change([{ folder: disk.root, name, entry: folder }]);
    return folder;
  }

  function move(from: [ModelFolder, string], to: [ModelFolder, string]): void {
    const entry = from[0].entries.get(from[1]);
    disk.change([
      { folder: from[0], name: from[1], entry: undefined },
      { folder: to[0], name: to[1], entry },
    ]);
  }

  const sync = (entry: ModelFile | ModelFolder) => disk.beginSync(entry)();
  const cut = (loss: Loss, seed = 1) => disk.cut(new Random(seed), loss);
  const paths = (tree: Tree, above = ''): string[] =>
    [...tree].flatMap(([name, inside]) =>
      Buffer.isBuffer(inside) ? [above + name] : [`${above}${name}/`, ...paths(inside, `${above}${name}/`)],
    );

  it('keeps a file whose bytes and name were synced, whatever else is lost', () => {
    for (const loss of LOSSES) {
      disk = new DiskModel();
      sync(addFile('kept'));
      sync(disk.root);
      addFile('other');
      assert.deepEqual(cut(loss).get('kept'), bytes, loss);
    }
  });

  it('loses names that nobody synced, and what lies below them', () => {
    const folder = addFolder('new');
    sync(addFile('file', folder));
    sync(folder);
    assert.deepEqual(paths(cut('all')), []);
  });

  it('loses bytes that nobody synced, though their name stays', () => {
    addFile('file');
    sync(disk.root);
    assert.deepEqual(cut('all').get('file'), Buffer.alloc(0));
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 50; seed += 1) {
      disk = new DiskModel();
      addFile('file');
      sync(disk.root);
      const left = cut('some', seed).get('file');
      assert.ok(Buffer.isBuffer(left));
      outcomes.add(left.length === 0 ? 'empty' : left.equals(bytes) ? 'whole' : 'torn');
    }
    assert.deepEqual([...outcomes].sort(), ['empty', 'torn', 'whole']);
  });

  it('covers with a sync what came before it, not what comes while it runs', () => {
    const file = addFile('file');
    const settleBytes = disk.beginSync(file);
    const settleNames = disk.beginSync(disk.root);
    file.write(0, Buffer.alloc(10, 'y'));
    addFile('late');
    settleBytes();
    settleNames();
    const left = cut('all');
    assert.deepEqual(paths(left), ['file']);
    assert.deepEqual(left.get('file'), bytes);
  });

  it('does a rename as a whole, by a sync of either folder, or not at all', () => {
    const [from, to] = [addFolder('from'), addFolder('to')];
    sync(disk.root);
    sync(addFile('file', from));
    sync(from);
    move([from, 'file'], [to, 'file']);
    assert.deepEqual(paths(disk.cut(new Random(1), 'all')), ['from/', 'from/file', 'to/']);
    sync(to);
    assert.deepEqual(paths(cut('all')), ['from/', 'to/', 'to/file']);
  });

  it('brings an earlier change along when a later one of the same name lasts', () => {
    addFile('file');
    disk.change([{ folder: disk.root, name: 'file', entry: undefined }]);
    const again = addFile('file');
    sync(again);
    for (let seed = 1; seed <= 20; seed += 1) {
      const left = cut('latest', seed).get('file');
      assert.ok(left === undefined || Buffer.isBuffer(left));
    }
    assert.ok(paths(cut('some')).length <= 1);
  });
});
