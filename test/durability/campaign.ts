import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Random } from '../support/random';
import { buildUser } from '../support/factories';
import { RegistryClient } from '../support/registry-client';
import { ClientJournal } from './client-journal';
import type { ClientParts } from './client-parts';
import type { Interruption } from './interrupted-serve';
import { InterruptedServe } from './interrupted-serve';
import { JournalingClient } from './journaling-client';
import type { PowerCutPlan } from './power-cut-main';
import { Turnstile } from './turnstile';
import { rehashBlobs, verifyClient } from './verify';

const SLIPWAY = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
const SHARED_CONTENTS = 12;
const LARGEST_SHARED_BYTES = 300_000;
/** An interruption comes so long after an act began, at most. */
const LONGEST_DELAY_MS = 40;
/** Requests that a client may lose by one: what it does, what it goes on with, and a connection kept from before. */
const LOST_BY_A_DEATH = 3;

export interface CampaignPlan {
  seed: number;
  interruption: Interruption;
  /** Of all clients together. */
  acts: number;
  clients: number;
  /** Deaths while the clients are at work; one more follows their last act. */
  interruptions: number;
  ignore?: PowerCutPlan['ignore'];
}

export interface CampaignReport {
  findings: string[];
  /** One line of figures. */
  facts: string;
}

/** Clients at work in a registry that dies again and again, and what is left of what it had promised them. */
export async function runCampaign(plan: CampaignPlan): Promise<CampaignReport> {
  const random = new Random(plan.seed);
  const { seed, interruption, ignore, interruptions: powerCuts } = plan;
  const serve = await InterruptedServe.start({
    interruption,
    ignore,
    powerCuts,
    random: new Random(seed + 1),
  });
  try {
    return await new Campaign(plan, random, serve).run();
  } finally {
    await serve.dispose();
  }
}

class Campaign {
  private readonly gate = new Turnstile(() => this.serve.isUp());
  private readonly findings: string[] = [];
  private begun = 0;
  private deaths = 0;

  constructor(
    private readonly plan: CampaignPlan,
    private readonly random: Random,
    private readonly serve: InterruptedServe,
  ) {}

  async run(): Promise<CampaignReport> {
    try {
      return await this.interruptedRun();
    } finally {
      this.gate.end();
    }
  }

  private async interruptedRun(): Promise<CampaignReport> {
    const parts = await this.clients();
    const work = Promise.all(parts.map((part, index) => this.work(part, parts.toSpliced(index, 1))));
    this.gate.letIn();
    let isOver = false;
    void work.finally(() => (isOver = true)).catch(() => undefined);
    for (let left = this.plan.interruptions; left > 0; left -= 1) {
      await Promise.race([this.interruptDuringWork(), this.endOf(work)]);
      if (isOver && this.plan.interruption === 'power cut') break;
      await this.survive(parts);
    }
    await work;
    await this.serve.interrupt();
    await this.survive(parts);
    this.findings.push(...parts.flatMap(({ journal }) => journal.findings));
    this.findings.push(...(await rehashBlobs(this.serve.dataSource, this.serve.storagePath)));
    const orphans = this.fsck();
    this.judgeFigures(parts, orphans);
    return { findings: this.findings, facts: this.describe(parts, orphans) };
  }

  private async clients(): Promise<ClientParts[]> {
    const { serve, random, gate, plan } = this;
    const { account } = await buildUser(serve.dataSource, { password: 'secret' });
    const shared = Array.from({ length: SHARED_CONTENTS }, () =>
      random.bytes(random.between(1, LARGEST_SHARED_BYTES)),
    );
    return Array.from({ length: plan.clients }, (_, index) => {
      const name = `client ${index + 1}`;
      return {
        ...{ name, gate, shared },
        repository: `${account.name}/of-${index + 1}`,
        registry: new RegistryClient(serve.url, { username: account.name, password: 'secret' }),
        journal: new ClientJournal(),
        random: new Random(plan.seed + 100 + index),
        losesUnsyncedUploads: plan.interruption === 'power cut',
      };
    });
  }

  private async work(parts: ClientParts, others: readonly ClientParts[]): Promise<void> {
    const client = new JournalingClient(parts, others);
    while (this.begun < this.plan.acts) {
      this.begun += 1;
      await client.act();
    }
  }

  /** A kill comes in any case; the power may stay until the last act. */
  private async endOf(work: Promise<unknown>): Promise<void> {
    await work;
    if (this.plan.interruption === 'kill') await new Promise(() => undefined);
  }

  /** Answers when the product is dead. */
  private async interruptDuringWork(): Promise<void> {
    if (this.plan.interruption === 'power cut') return this.serve.ended();
    const { acts, interruptions } = this.plan;
    const share = acts / (interruptions + 1);
    const at = Math.floor(share * (this.deaths + this.random.next()));
    while (this.begun < at && !this.gate.hasEnded) await delay(1);
    await delay(this.random.between(0, LONGEST_DELAY_MS));
    await this.serve.interrupt();
  }

  private async survive(parts: readonly ClientParts[]): Promise<void> {
    this.deaths += 1;
    await this.gate.close();
    await this.serve.startAgain();
    await Promise.all(parts.map((part) => verifyClient(part)));
    this.gate.letIn();
  }

  /** What it says must be what we know: nothing but orphans, which interrupted uploads leave. Answers how many. */
  private fsck(): number {
    const config = join(this.serve.home, 'config-0.yaml');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [SLIPWAY, 'fsck', '--deep', '--json', '--min-age', '1s'],
      { env: { ...process.env, SLIPWAY_CONFIG: config }, encoding: 'utf8' },
    );
    const lines = stdout.split('\n').filter((line) => line !== '');
    const told = lines.map((line) => JSON.parse(line) as { type: string; kind?: string });
    const found = told.filter(({ type }) => type === 'finding');
    const orphans = found.filter(({ kind }) => kind === 'orphaned');
    for (const finding of found) {
      if (finding.kind !== 'orphaned') this.findings.push(`fsck: ${JSON.stringify(finding)}`);
    }
    if (told.at(-1)?.type !== 'summary' || status !== (found.length === 0 ? 0 : 1)) {
      this.findings.push(`fsck ended with ${status}: ${stderr}`);
    }
    return orphans.length;
  }

  private judgeFigures(parts: readonly ClientParts[], orphans: number): void {
    const lost = total(parts, ({ lostAnswers }) => lostAnswers);
    if (lost > LOST_BY_A_DEATH * this.deaths * parts.length) {
      this.findings.push(`${lost} requests were not answered, which ${this.deaths} deaths do not explain`);
    }
    // A power cut brings files back that had been removed.
    if (this.plan.interruption === 'kill' && orphans > lost) {
      this.findings.push(`fsck tells ${orphans} orphans, ${lost} requests were interrupted`);
    }
  }

  private describe(parts: readonly ClientParts[], orphans: number): string {
    const sum = (count: (journal: ClientJournal) => number) => total(parts, count);
    return (
      `${this.begun} acts, ${sum(({ answers }) => answers)} answers, ${sum(({ lostAnswers }) => lostAnswers)} lost, ` +
      `${this.deaths} deaths, ${sum(({ resumed }) => resumed)} uploads gone on with; ` +
      `${sum(({ blobs }) => blobs.surelyIn((state) => state === 'there').length)} blobs, ` +
      `${sum(({ manifests }) => manifests.surelyIn((state) => state === 'there').length)} manifests, ` +
      `${sum(({ tags }) => tags.surelyIn((digest) => digest !== null).length)} tags there, ${orphans} orphans`
    );
  }
}

function total(parts: readonly ClientParts[], count: (journal: ClientJournal) => number): number {
  return parts.reduce((sum, { journal }) => sum + count(journal), 0);
}
