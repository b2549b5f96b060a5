import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, promises, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';

import { FilesystemStorage } from '../../storage/filesystem';
import { blobKey, uploadKey } from '../../storage/keys';
import type { Loss } from '../durability/disk-model';
import { LOSSES } from '../durability/disk-model';
import type { RecordedDiskOptions } from '../durability/recorded-disk';
import { RecordedDisk } from '../durability/recorded-disk';
import { Random } from '../support/random';

const OBJECT = 'objects/build-logs/one.json';

/** What may be found under each key: what was acknowledged, or what was being done; undefined for nothing. */
class Promised {
  readonly possible = new Map<string, (Buffer | undefined)[]>();

  async during<T>(key: string, bytes: Buffer, work: () => Promise<T>): Promise<T> {
    this.possible.set(key, [...(this.possible.get(key) ?? [undefined]), bytes]);
    const result = await work();
    this.possible.set(key, [bytes]);
    return result;
  }
}

type Scenario = (storage: FilesystemStorage, promised: Promised, root: string) => Promise<void>;

interface Blob {
  uploadKey: string;
  key: string;
  bytes: Buffer;
}

function someBlob(hexStart = ''): Blob {
  for (;;) {
    const bytes = randomBytes(10_000);
    const hex = createHash('sha256').update(bytes).digest('hex');
    if (!hex.startsWith(hexStart)) continue;
    return { bytes, key: blobKey('sha256', hex, 1), uploadKey: uploadKey(randomUUID(), 1) };
  }
}

async function upload(storage: FilesystemStorage, { uploadKey: key, bytes }: Blob): Promise<void> {
  const writer = await storage.openUpload(key, { offset: 0 });
  await writer.append(Readable.from([bytes.subarray(0, 5000), bytes.subarray(5000)]));
  await writer.close();
}

async function publish(storage: FilesystemStorage, promised: Promised, blob: Blob): Promise<void> {
  await upload(storage, blob);
  await promised.during(blob.key, blob.bytes, () => storage.publish(blob.uploadKey, blob.key));
}

const SCENARIOS: Record<string, Scenario> = {
  'a blob, and another': async (storage, promised) => {
    await publish(storage, promised, someBlob());
    await publish(storage, promised, someBlob());
  },
  'two blobs at once in one new folder': async (storage, promised) => {
    const start = randomBytes(1).toString('hex');
    await Promise.all([
      publish(storage, promised, someBlob(start)),
      publish(storage, promised, someBlob(start)),
      publish(storage, promised, someBlob(start)),
    ]);
  },
  'a blob in a folder that a process made before it was killed': async (storage, promised, root) => {
    const blob = someBlob();
    await promises.mkdir(dirname(join(root, blob.key)), { recursive: true });
    await publish(storage, promised, blob);
  },
  'a blob that a process moved before it was killed': async (storage, promised, root) => {
    const blob = someBlob();
    await upload(storage, blob);
    const [from, to] = [join(root, blob.uploadKey), join(root, blob.key)];
    await promises.mkdir(dirname(to), { recursive: true });
    const file = await promises.open(from, 'r');
    await file.datasync();
    await file.close();
    await promised.during(blob.key, blob.bytes, async () => {
      await promises.rename(from, to);
      await storage.publish(blob.uploadKey, blob.key);
    });
  },
  'an upload that was taken over': async (storage, promised) => {
    const blob = someBlob();
    const taken = uploadKey(randomUUID(), 2);
    await upload(storage, blob);
    await storage.copyUpload(blob.uploadKey, taken, blob.bytes.length);
    await storage.discardUpload(blob.uploadKey);
    await promised.during(blob.key, blob.bytes, () => storage.publish(taken, blob.key));
  },
  'an object, and one in its place': async (storage, promised) => {
    for (const bytes of [randomBytes(5000), randomBytes(9000)]) {
      await promised.during(OBJECT, bytes, () => storage.putObject(OBJECT, bytes));
    }
  },
};

describe('storage after a power cut', function () {
  this.timeout(120_000);
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'slipway-power-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** Runs until the power goes at the given call; what is wrong with what is left, and whether it came to that. */
  async function cutAt(
    scenario: Scenario,
    loss: Loss,
    options: Pick<RecordedDiskOptions, 'cutAt' | 'ignore'>,
  ): Promise<{ wasCut: boolean; findings: string[] }> {
    const place = join(home, randomUUID());
    const rest = join(home, randomUUID());
    mkdirSync(place);
    const promised = new Promised();
    let disk: RecordedDisk | undefined;
    const cut = new Promise<boolean>((resolve) => {
      disk = new RecordedDisk({ ...options, root: place, onCut: () => resolve(true) });
    });
    try {
      const storage = new FilesystemStorage(join(place, 'storage'));
      const work = storage.prepare().then(() => scenario(storage, promised, join(place, 'storage')));
      const wasCut = await Promise.race([cut, work.then(() => false)]);
      const seed = options.cutAt ?? 1;
      disk?.rebuild(rest, new Random(seed), loss);
      await disk?.release();
      return { wasCut, findings: judge(join(rest, 'storage'), promised) };
    } finally {
      await disk?.release();
    }
  }

  function judge(root: string, promised: Promised): string[] {
    const findings: string[] = [];
    for (const [key, possible] of promised.possible) {
      const path = join(root, key);
      const found = existsSync(path) ? readFileSync(path) : undefined;
      const isRight = possible.some((bytes) => (found && bytes ? found.equals(bytes) : found === bytes));
      if (!isRight) findings.push(`${key} is ${found ? 'broken' : 'gone'}`);
    }
    for (const file of filesBelow(join(root, 'sha256'))) {
      const hex = createHash('sha256').update(readFileSync(file)).digest('hex');
      if (!file.includes(hex)) findings.push(`${file} is seen, but broken`);
    }
    return findings;
  }

  async function atEachCall(scenario: Scenario, ignore?: RecordedDiskOptions['ignore']): Promise<string[]> {
    const findings: string[] = [];
    for (const loss of LOSSES) {
      for (let call = 1, goesOn = true; goesOn; call += 1) {
        const { wasCut, findings: found } = await cutAt(scenario, loss, { cutAt: call, ignore });
        goesOn = wasCut;
        findings.push(...found.map((finding) => `cut at call ${call}, loss of ${loss}: ${finding}`));
      }
    }
    return findings;
  }

  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`at whichever call has what was acknowledged: ${name}`, async () => {
      assert.deepEqual(await atEachCall(scenario), []);
    });
  }

  for (const ignore of ['files', 'folders'] as const) {
    it(`is noticed to lack something when syncs of ${ignore} do nothing`, async () => {
      const scenario = SCENARIOS['a blob, and another'];
      assert.ok(scenario);
      assert.notDeepEqual(await atEachCall(scenario, ignore), []);
    });
  }
});

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
