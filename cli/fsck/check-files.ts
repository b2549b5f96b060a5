import { setTimeout as delay } from 'node:timers/promises';

import type { UploadLeftover } from '../../db/stores/leftovers';
import { blobsWithoutRow, uploadLeftovers } from '../../db/stores/leftovers';
import type { FileState, StoredFile } from '../../storage/driver';
import { PROBE_OBJECTS, publisherOf, readUploadKey } from '../../storage/keys';
import type { FsckRun } from './run';
import { reportFinding } from './run';

/** Files that may wait for their second look. */
const WAITING = 1000;

/** A file that nothing explains, and why that is so. */
interface Suspect {
  file: StoredFile;
  problem: string;
}

interface OldSuspect extends Suspect {
  state: FileState;
}

/** Every file in storage has a row that needs it. */
export async function checkFiles(run: FsckRun): Promise<void> {
  let waiting: StoredFile[] = [];
  let page: StoredFile[] = [];
  for await (const file of run.storage.listFiles()) {
    run.counts.files += 1;
    if (file.kind === 'object') run.counts.objects += 1;
    page.push(file);
    if (page.length < run.pageSize) continue;
    waiting.push(...(await firstLook(run, page)));
    page = [];
    if (waiting.length < WAITING) continue;
    await secondLook(run, waiting);
    waiting = [];
  }
  waiting.push(...(await firstLook(run, page)));
  await secondLook(run, waiting);
}

async function firstLook(run: FsckRun, files: readonly StoredFile[]): Promise<StoredFile[]> {
  const suspects = await suspectsAmong(run, files);
  const old = await oldOnes(run, suspects, () => (run.counts.youngFiles += 1));
  return old.map(({ file }) => file);
}

/** What a push or a delete had in its hands at the first look has its row, or is gone, at the second. */
async function secondLook(run: FsckRun, files: readonly StoredFile[]): Promise<void> {
  if (files.length === 0) return;
  await delay(run.settleMs);
  for (const { file, problem, state } of await oldOnes(run, await suspectsAmong(run, files))) {
    const { sizeBytes, changedAtMs } = state;
    const changedAt = new Date(changedAtMs).toISOString();
    reportFinding(run, { kind: 'orphaned', subject: 'file', problem, file: file.key, sizeBytes, changedAt });
  }
}

async function oldOnes(
  run: FsckRun,
  suspects: readonly Suspect[],
  onYoung: () => void = () => undefined,
): Promise<OldSuspect[]> {
  const old: OldSuspect[] = [];
  for (const suspect of suspects) {
    const state = await suspect.file.look();
    if (!state) continue;
    if (state.changedAtMs + run.minAgeMs > run.now()) onYoung();
    else old.push({ ...suspect, state });
  }
  return old;
}

async function suspectsAmong(run: FsckRun, files: readonly StoredFile[]): Promise<Suspect[]> {
  const ofKind = (kind: StoredFile['kind']) => files.filter((file) => file.kind === kind);
  return [
    ...(await blobSuspects(run, ofKind('blob'))),
    ...(await uploadSuspects(run, ofKind('upload'))),
    ...ofKind('object').filter(isProbe).map(asSuspect('`slipway check` left it behind')),
    ...ofKind('temporary').map(asSuspect('a call that was cut short left it behind')),
    ...ofKind('unknown').map(asSuspect('it has no name of ours')),
  ];
}

const asSuspect = (problem: string) => (file: StoredFile) => ({ file, problem });

function isProbe({ key }: StoredFile): boolean {
  return key.startsWith(PROBE_OBJECTS);
}

async function blobSuspects({ dataSource }: FsckRun, files: readonly StoredFile[]): Promise<Suspect[]> {
  const blobs = files.map(({ key }) => ({ key, publisher: publisherOf(key) }));
  const orphans = await blobsWithoutRow(dataSource.manager, blobs);
  return files.filter(({ key }) => orphans.has(key)).map(asSuspect('no blob of the database lies there'));
}

const UPLOAD_PROBLEMS: Record<UploadLeftover, string> = {
  'session-gone': 'its upload session is gone',
  'earlier-owner': 'an earlier owner of its upload session left it behind',
};

async function uploadSuspects({ dataSource }: FsckRun, files: readonly StoredFile[]): Promise<Suspect[]> {
  const uploads = files.map(({ key }) => ({ key, ...readUploadKey(key) }));
  const leftovers = await uploadLeftovers(dataSource.manager, uploads);
  return files.flatMap((file) => {
    const why = leftovers.get(file.key);
    return why ? { file, problem: UPLOAD_PROBLEMS[why] } : [];
  });
}
