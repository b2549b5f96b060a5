import type Docker from 'dockerode';

import type { Product } from '../../test/support/product';
import { FairContent } from './fair-content';
import type { Phases } from './phases';
import { readPhases } from './phases';
import { untilQuiet } from './quiet';
import type { Side } from './sides';
import { createSide } from './sides';
import { fitCost } from '../statistics';
import { buildThroughDockerode } from './through-dockerode';
import { buildThroughSlipway } from './through-slipway';
import { makeTree } from './workload';

export interface Pair {
  order: 'slipway first' | 'dockerode first';
  slipwayMs: number;
  dockerodeMs: number;
  ratio: number;
  /** Of the layers that each side made and pushed. */
  slipwayBytes: number;
  dockerodeBytes: number;
  phases: Phases;
  dockerode: { build: number; push: number };
}

/** Where builds are measured. */
export interface Ground {
  made: Product;
  docker: Docker;
  /** Name of the base image. */
  base: string;
  /** A new repository for each build. */
  fresh: boolean;
  say: (line: string) => void;
}

const WARM_UP_UNITS = 100;

export class PairBench {
  readonly #sides: { slipway: Side; dockerode: Side };
  readonly #content: FairContent;
  #units = WARM_UP_UNITS;

  private constructor(
    private readonly ground: Ground,
    sides: { slipway: Side; dockerode: Side },
    content: FairContent,
  ) {
    this.#sides = sides;
    this.#content = content;
  }

  /** After a build on each side that is not counted, and two that tell how much work takes `seconds` here. */
  static async prepare(ground: Ground, seconds: number): Promise<PairBench> {
    const sides = { slipway: await createSide(ground.made), dockerode: await createSide(ground.made) };
    const content = new FairContent(await readBase(ground, sides.slipway));
    const bench = new PairBench(ground, sides, content);
    await bench.#slipway();
    await bench.#dockerode();
    const small = { units: WARM_UP_UNITS, ms: (await bench.#dockerode()).ms };
    bench.#units = WARM_UP_UNITS * 6;
    const large = { units: bench.#units, ms: (await bench.#dockerode()).ms };
    const { fixedMs, msPerUnit } = fitCost(small, large);
    bench.#units = Math.max(WARM_UP_UNITS, Math.round((seconds * 1000 - fixedMs) / msPerUnit));
    ground.say(`a build of ${seconds} s compiles ${bench.#units} units here`);
    return bench;
  }

  async measure(order: Pair['order']): Promise<Pair> {
    const isFirst = order === 'slipway first';
    const early = isFirst ? await this.#slipway() : undefined;
    const direct = await this.#dockerode();
    const ours = early ?? (await this.#slipway());
    this.#content.assertAlike(ours.bytes, direct.bytes);
    return {
      order,
      slipwayMs: ours.ms,
      dockerodeMs: direct.ms,
      ratio: ours.ms / direct.ms,
      slipwayBytes: ours.bytes,
      dockerodeBytes: direct.bytes,
      phases: ours.phases,
      dockerode: direct.phases,
    };
  }

  async #slipway() {
    const { made, base } = this.ground;
    const side = await this.#side('slipway');
    await untilQuiet(made);
    const run = await buildThroughSlipway(side, makeTree(base, this.#units));
    const bytes = this.#content.admit(`build ${run.buildId}`, run.image);
    return { ms: run.endedAtMs - run.calledAtMs, bytes, phases: await readPhases(made, run) };
  }

  async #dockerode() {
    const { made, docker, base } = this.ground;
    const side = await this.#side('dockerode');
    await untilQuiet(made);
    const run = await buildThroughDockerode(docker, made.host, side, makeTree(base, this.#units));
    const bytes = this.#content.admit(`the direct build of ${run.image.digest}`, run.image);
    const { startedAtMs, builtAtMs, endedAtMs } = run;
    const phases = { build: builtAtMs - startedAtMs, push: endedAtMs - builtAtMs };
    return { ms: endedAtMs - startedAtMs, bytes, phases };
  }

  async #side(name: 'slipway' | 'dockerode'): Promise<Side> {
    if (this.ground.fresh) {
      await this.#sides[name].project.dispose();
      this.#sides[name] = await createSide(this.ground.made);
    }
    return this.#sides[name];
  }

  async dispose(): Promise<void> {
    for (const { project } of Object.values(this.#sides)) await project.dispose();
  }
}

async function readBase({ base, made }: Ground, { registry }: Side) {
  const [path = '', tag = ''] = base.slice(made.host.length + 1).split(':');
  const scope = `repository:${path}:pull`;
  const answer = await registry.expect(200, 'GET', `/v2/${path}/manifests/${tag}`, { scope });
  const { layers } = (await answer.json()) as { layers: { digest: string; size: number }[] };
  return { digest: answer.headers.get('docker-content-digest') ?? '', layers };
}
