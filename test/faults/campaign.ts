import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkBuilds, waitForBuilds } from './check-builds';
import { checkDeliveries } from './check-deliveries';
import { checkLeftovers } from './check-leftovers';
import { checkPushes } from './check-pushes';
import { Findings } from './findings';
import { FaultRunner } from './inflict';
import type { Installation } from './installation';
import { install } from './installation';
import { Journal } from './journal';
import { runLoad } from './load';
import type { Plan, Scale } from './plan';
import { FAULT_KINDS, makePlan, TARGETS } from './plan';

type Say = (line: string) => void;

/** Hurts a product of its own under load as the seed says; answers what is wrong with it afterwards. */
export async function runCampaign(seed: number, scale: Scale, say: Say): Promise<string[]> {
  const plan = makePlan(seed, scale);
  const journal = new Journal();
  const findings = new Findings();
  const installation = await install(scale.projects);
  try {
    await hurt(installation, plan, { journal, findings, say });
    await check(installation, { journal, findings, say });
    if (findings.list.length > 0) say(`logs: ${keepLogs(installation, journal)}`);
  } finally {
    await installation.dispose();
  }
  for (const line of describeFaults(journal)) say(line);
  return findings.list;
}

interface Notes {
  journal: Journal;
  findings: Findings;
  say: Say;
}

async function hurt(
  installation: Installation,
  plan: Plan,
  { journal, findings, say }: Notes,
): Promise<void> {
  const startMs = Date.now();
  const faults = new FaultRunner(installation.servers, journal, say);
  const supervision = faults.supervise();
  const [unfinished] = await Promise.all([
    runLoad(installation, plan, journal, startMs),
    faults.run(plan.faults, startMs),
  ]);
  faults.stop();
  await supervision;
  findings.list.push(...unfinished, ...journal.oddAnswers);
  say(
    `${journal.pushes.length} pushes and ${journal.builds.length} builds acknowledged, everything up again after ${seconds(startMs)}`,
  );
}

async function check(installation: Installation, { journal, findings, say }: Notes): Promise<void> {
  const startMs = Date.now();
  const builds = await waitForBuilds(installation, findings);
  say(`every build has ended ${seconds(startMs)} later: ${tally(builds.map(({ phase }) => phase))}`);
  say(`attempts of a build: ${tally(builds.map(({ attempt }) => String(attempt)))}`);
  await checkDeliveries(installation, builds, journal, findings);
  say(`every delivery has ended after ${seconds(startMs)}`);
  await checkLeftovers(installation, findings);
  say(`nothing is left over after ${seconds(startMs)}`);
  await checkPushes(installation, journal, findings);
  await checkBuilds(installation, builds, journal, findings);
  for (const end of journal.ownEnds) say(`ended by itself, and was started again: ${end}`);
}

/** What every process printed, for whoever has to find out. */
function keepLogs({ servers }: Installation, journal: Journal): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-faults-logs-'));
  for (const [name, server] of servers) writeFileSync(join(folder, `${name}.log`), server.output());
  const { pushes, ...rest } = journal;
  const told = { ...rest, pushes: pushes.map(({ repository, tag }) => `${repository}:${tag}`) };
  writeFileSync(join(folder, 'journal.json'), JSON.stringify(told, null, 2));
  return folder;
}

function describeFaults({ faults }: Journal): string[] {
  const row = (name: string, cells: (string | number)[]) =>
    `  ${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(8)).join('')}`;
  const count = (target: string, kind: string) =>
    faults.filter((fault) => fault.target === target && fault.kind === kind).length;
  return [
    row('', [...FAULT_KINDS]),
    ...TARGETS.map((target) =>
      row(
        target,
        FAULT_KINDS.map((kind) => count(target, kind)),
      ),
    ),
  ];
}

function tally(values: string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, times]) => `${value} × ${times}`).join(', ');
}

function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}
