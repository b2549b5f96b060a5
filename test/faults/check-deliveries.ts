import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { EntityManager } from 'typeorm';
import { IsNull } from 'typeorm';

import type { Build } from '../../db/entities/builds';
import { Delivery, NotificationRule } from '../../db/entities/notifications';
import { OutboxRow } from '../../db/entities/outbox';
import { IndexReportRow } from '../../db/entities/scanning';
import { eventually } from '../support/eventually';
import type { Findings } from './findings';
import type { Installation } from './installation';
import type { Journal } from './journal';

/** Longer than the longest pause between two tries that an outage of the campaign's length leads to. */
const END_MS = 180_000;

/** Every event has reached each of its receivers at least once, under one id. */
export async function checkDeliveries(
  installation: Installation,
  builds: Build[],
  journal: Journal,
  findings: Findings,
): Promise<void> {
  const { manager } = installation.made.dataSource;
  await findings.attempt('deliveries', () => eventually(() => assertAllEnded(manager), END_MS, 500));
  const rules = new Map((await manager.find(NotificationRule)).map((rule) => [rule.id, rule]));
  const deliveries = await manager.find(Delivery);
  const arrived = {
    webhook: idsOfHooks(installation),
    email: idsOfMails(installation),
  };
  for (const { uuid, ruleId, event, status, lastError } of deliveries) {
    const method = rules.get(ruleId ?? 0)?.method;
    findings.expect(status === 'delivered', `delivery ${uuid} of ${event} is ${status}: ${lastError}`);
    const ids = method === 'email' ? arrived.email : arrived.webhook;
    findings.expect(ids.has(uuid), `delivery ${uuid} of ${event} never arrived by ${method}`);
  }
  const known = new Set(deliveries.map(({ uuid }) => uuid));
  for (const id of [...arrived.webhook, ...arrived.email]) {
    findings.expect(known.has(id), `delivery ${id} arrived, and nobody owes it`);
  }
  checkOneIdEach(deliveries, findings);
  checkAnnounced({ deliveries, builds, journal, rules }, findings);
}

/** Scans as well: they are what `vulnerability_found` comes from. */
async function assertAllEnded(manager: EntityManager): Promise<void> {
  const open = {
    'events on their way': await manager.countBy(OutboxRow, {
      deliveredAtMs: IsNull(),
      parkedAtMs: IsNull(),
    }),
    scans: await manager.countBy(IndexReportRow, { status: 'queued' }),
    deliveries: await manager.countBy(Delivery, { status: 'pending' }),
  };
  assert.deepEqual(open, { 'events on their way': 0, scans: 0, deliveries: 0 });
}

function checkOneIdEach(deliveries: Delivery[], findings: Findings): void {
  const ids = new Map<string, string>();
  for (const { uuid, eventId, ruleId, event } of deliveries) {
    const key = `event ${eventId} (${event}) of rule ${ruleId}`;
    findings.expect(!ids.has(key), `${key} has ids ${ids.get(key)} and ${uuid}`);
    ids.set(key, uuid);
  }
}

interface Announced {
  deliveries: Delivery[];
  builds: Build[];
  journal: Journal;
  rules: Map<number, NotificationRule>;
}

/** What was acknowledged was also told of, by webhook and by mail; a build's events exactly once. */
function checkAnnounced({ deliveries, builds, journal, rules }: Announced, findings: Findings): void {
  const count = (event: string, method: string, isMeant: (payload: Record<string, unknown>) => boolean) =>
    deliveries.filter(
      (delivery) =>
        delivery.event === event &&
        rules.get(delivery.ruleId ?? 0)?.method === method &&
        isMeant(delivery.payload),
    ).length;
  for (const method of ['webhook', 'email']) {
    for (const { repository, tag } of journal.pushes) {
      for (const [event, key] of [
        ['repo_push', 'updated_tags'],
        ['vulnerability_found', 'tags'],
      ] as const) {
        const told = count(event, method, ({ repository: path, [key]: tags }) => {
          return path === repository && Array.isArray(tags) && tags.includes(tag);
        });
        findings.expect(told >= 1, `${event} of ${repository}:${tag} is owed to nobody by ${method}`);
      }
    }
    for (const { uuid, phase } of builds) {
      const end = phase === 'complete' ? 'build_success' : 'build_failure';
      for (const event of ['build_queued', end]) {
        const told = count(event, method, ({ build_id }) => build_id === uuid);
        findings.expect(told === 1, `${event} of build ${uuid} has ${told} deliveries by ${method}`);
      }
    }
  }
}

function idsOfHooks({ receiver }: Installation): Set<string> {
  return new Set(receiver.received.map(({ headers }) => String(headers['x-slipway-delivery'])));
}

function idsOfMails({ mails }: Installation): Set<string> {
  const ids = readdirSync(mails)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => /^X-Slipway-Delivery: (\S+)/im.exec(readFileSync(join(mails, name), 'utf8'))?.[1]);
  return new Set(ids.filter((id) => id !== undefined));
}
