import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { Blob, BlobAlias, Upload } from '../../../db/entities/content';
import { Repository } from '../../../db/entities/repositories';
import { buildRepository, buildUser, grant } from '../../support/factories';
import { RegistryClient } from '../../support/registry-client';
import type { ServeProcesses } from '../../support/serve-processes';
import { startServeProcesses } from '../../support/serve-processes';
import type { Clients, Difference } from './duel';
import { Duel } from './duel';
import { readEverything } from './read-everything';
import type { Step } from './plan';
import { planSteps } from './plan';
import type { Reply } from './reply';
import type { Names, Scene } from './scene';
import { shrink } from './shrink';

const STEPS = Number(process.env.MODEL_STEPS ?? 5000);
const SHRINK_MS = 120_000;
const SHOWN = 40;

/** What a run that is worth its name has met; each of these is frequent. */
const EXPECTED_OUTCOMES = [
  ...['POST blobs/uploads 201', 'POST blobs/uploads 202', 'POST blobs/uploads 400', 'POST blobs/uploads 401'],
  ...['PATCH blobs/uploads 202', 'PATCH blobs/uploads 400', 'PATCH blobs/uploads 404'],
  ...['PATCH blobs/uploads 416', 'PUT blobs/uploads 201', 'PUT blobs/uploads 400', 'PUT blobs/uploads 404'],
  ...['PUT blobs/uploads 416', 'GET blobs/uploads 204', 'DELETE blobs/uploads 204'],
  ...['GET blobs 200', 'GET blobs 206', 'GET blobs 404', 'HEAD blobs 200', 'HEAD blobs 404', 'GET blobs 401'],
  ...['DELETE blobs 202', 'DELETE blobs 404', 'DELETE blobs 405', 'PUT manifests 201', 'PUT manifests 400'],
  ...['PUT manifests 415', 'GET manifests 200', 'GET manifests 404', 'HEAD manifests 200', 'GET tags 200'],
  ...['DELETE manifests 202', 'DELETE manifests 404', 'DELETE manifests 405', 'GET referrers 200'],
  ...['GET catalog 200'],
];

describe('the registry, beside a model of it', function () {
  this.timeout(600_000);
  // Another seed would be another run: what this one found must not be forgotten.
  this.retries(0);

  let product: ServeProcesses;

  before(async () => {
    product = await startServeProcesses(2, { SERVER_HOSTNAME: 'registry.test' });
  });
  after(() => product.dispose());

  it(`answers ${STEPS} random requests, sent to two processes, as the model does`, async () => {
    const seed = Number(process.env.MODEL_SEED ?? randomInt(1, 1_000_000_000));
    console.log(`      seed ${seed}; again: MODEL_SEED=${seed} MODEL_STEPS=${STEPS}`);
    const { scene, steps, duel } = await prepare(seed);
    const difference = await duel.play(steps);
    if (difference) assert.fail(await explain(seed, difference));
    const afterwards = await duel.play(readEverything(scene, duel.model));
    if (afterwards) {
      assert.fail(`${describeDifference(afterwards)}\nwhen all was read at the end of seed ${seed}`);
    }
    await checkLeftovers(duel);
    const missed = EXPECTED_OUTCOMES.filter((outcome) => !duel.outcomes.has(outcome));
    if (STEPS >= 5000) assert.deepEqual(missed, [], 'the steps did not come across this');
  });

  async function prepare(seed: number): Promise<{ scene: Scene; steps: Step[]; duel: Duel }> {
    const salt = randomBytes(5).toString('hex');
    const names = { host: 'registry.test', ann: `ann-${salt}`, bob: `bob-${salt}`, salt };
    const planned = planSteps(seed, STEPS, names);
    return { ...planned, duel: new Duel(planned.scene, await populate(names, planned.scene)) };
  }

  async function populate(names: Names, { world }: Scene): Promise<Clients> {
    const { dataSource, ports } = product;
    // Contents that every run has, the empty one above all, would be found where an earlier run left them.
    await dataSource.manager.update(Repository, { visibility: 'public' }, { visibility: 'private' });
    await dataSource.manager.clear(BlobAlias);
    const { account: ann } = await buildUser(dataSource, { name: names.ann, password: 'secret' });
    const { account: bob } = await buildUser(dataSource, { name: names.bob, password: 'secret' });
    for (const [path, visibility] of world.premade) {
      const name = path.slice(names.ann.length + 1);
      const repository = await buildRepository(dataSource, { namespace: ann, name, visibility });
      const right = world.grants.get(path)?.bob;
      if (right) await grant(dataSource, repository, bob, right);
    }
    const clientsOf = (username: string | null) => {
      const credentials = username === null ? null : { username, password: 'secret' };
      const [one, two] = ports.map((port) => new RegistryClient(`http://127.0.0.1:${port}`, credentials));
      if (!one || !two) throw new Error('there are no two processes');
      return [one, two] as const;
    };
    return { ann: clientsOf(names.ann), bob: clientsOf(names.bob), nobody: clientsOf(null) };
  }

  /** The shortest run that was found to fail too, with what was wrong at its end. */
  async function explain(seed: number, first: Difference): Promise<string> {
    console.log(`      they differ; looking for the steps that it takes`);
    const { steps } = planSteps(seed, STEPS, { host: '', ann: 'ann', bob: 'bob', salt: '0123456789' });
    const all = steps.map((_, at) => at).slice(0, Number(first.step.opens.replace('upload-', '')));
    let [shortest, last] = [describeDifference(first), first];
    await shrink(
      all,
      async (kept) => {
        const again = await prepare(seed);
        const difference = await again.duel.play(kept.flatMap((at) => again.steps[at] ?? []));
        if (!difference) return false;
        const shown = kept.slice(-SHOWN).flatMap((at) => again.steps[at] ?? []);
        const earlier = kept.length > SHOWN ? [`… ${kept.length - SHOWN} steps before`] : [];
        [shortest, last] = [[...earlier, ...shown.map(describeStep)].join('\n'), difference];
        return true;
      },
      performance.now() + SHRINK_MS,
    );
    return `seed ${seed}\n${shortest}\n${describeDifference(last)}`;
  }

  /** What is stored is what the model has: no session, row or file more. */
  async function checkLeftovers({ model }: Duel): Promise<void> {
    const { manager } = product.dataSource;
    assert.equal(await manager.count(Upload), model.uploads.size);
    const stored = await manager.find(Blob, { select: { storageKey: true } });
    const folder = join(product.storagePath, 'storage');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const blobs = files.filter((file) => !file.parentPath.endsWith('uploads'));
    assert.deepEqual(
      blobs.map((file) => join(file.parentPath, file.name).slice(folder.length + 1)).sort(),
      stored.map((blob) => blob.storageKey).sort(),
    );
    assert.ok(files.length - blobs.length <= model.uploads.size, 'files of sessions that have ended');
  }
});

function describeDifference({ step, expected, actual }: Difference): string {
  return `${describeStep(step)}\n  the model says  ${describeReply(expected)}\n  the product     ${describeReply(actual)}`;
}

function describeStep({ caller, process: to, method, path, headers, body, isStreamed, opens }: Step): string {
  const about = [JSON.stringify(headers), body && `${body.length} bytes`, isStreamed && 'streamed'];
  const session = path.endsWith('/uploads/') || path.includes('/uploads/?') ? `(${opens})` : '';
  return [`${caller}→${to + 1}`, method, path, ...about.filter(Boolean), session].join(' ');
}

function describeReply({ status, headers, body }: Reply): string {
  const text = Buffer.isBuffer(body) ? `${body.length} bytes ${body.toString().slice(0, 300)}` : body.code;
  return `${status} ${JSON.stringify(headers)} ${text}`;
}
