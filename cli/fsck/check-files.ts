import { setTimeout as delay } from 'node:timers/promises';

import { In } from 'typeorm';

import { Upload } from '../../db/entities/content';
import { knownStorageKeys } from '../../db/stores/integrity';
import type { FileState, StoredFile } from '../../storage/driver';
import { publisherOf, readUploadKey } from '../../storage/keys';
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
    ...(await blobsWithoutRow(run, ofKind('blob'))),
    ...(await uploadsWithoutSession(run, ofKind('upload'))),
    ...ofKind('object').filter(isProbe).map(asSuspect('`slipway check` left it behind')),
    ...ofKind('temporary').map(asSuspect('a call that was cut short left it behind')),
    ...ofKind('unknown').map(asSuspect('it has no name of ours')),
  ];
}

const asSuspect = (problem: string) => (file: StoredFile) => ({ file, problem });

function isProbe({ key }: StoredFile): boolean {
  return key.startsWith('objects/checks/');
}

async function blobsWithoutRow({ dataSource }: FsckRun, files: readonly StoredFile[]): Promise<Suspect[]> {
  const { manager } = dataSource;
  const known = await knownStorageKeys(
    manager,
    files.map(({ key }) => key),
  );
  const left = files.filter(({ key }) => !known.has(key));
  if (left.length === 0) return [];
  // Published, and its client may still come back to have that recorded.
  const publishers = left.map(({ key }) => publisherOf(key));
  const sessions = await manager.find(Upload, {
    select: { id: true, uuid: true },
    where: [
      { id: In(publishers.filter((publisher) => typeof publisher === 'number')) },
      { uuid: In(publishers.filter((publisher) => typeof publisher === 'string')) },
    ],
  });
  const open = new Set<number | string>(sessions.flatMap(({ id, uuid }) => [id, uuid]));
  return left
    .filter(({ key }) => !open.has(publisherOf(key)))
    .map(asSuspect('no blob of the database lies there'));
}

async function uploadsWithoutSession(
  { dataSource }: FsckRun,
  files: readonly StoredFile[],
): Promise<Suspect[]> {
  if (files.length === 0) return [];
  const named = files.map((file) => ({ file, ...readUploadKey(file.key) }));
  const sessions = await dataSource.manager.find(Upload, {
    select: { uuid: true, epoch: true, storageKey: true },
    where: { uuid: In([...new Set(named.map(({ uuid }) => uuid))]) },
  });
  const byUuid = new Map(sessions.map((session) => [session.uuid, session]));
  return named.flatMap(({ file, uuid, epoch }) => {
    const session = byUuid.get(uuid);
    if (!session) return { file, problem: 'its upload session is gone' };
    // Whoever takes a session over writes under its new epoch before the row names that file.
    if (session.storageKey === file.key || session.epoch === epoch) return [];
    return { file, problem: 'an earlier owner of its upload session left it behind' };
  });
}
