import { eventually } from '../../support/eventually';
import type { RawAnswer } from '../../support/raw-client';
import { exchangeRaw } from '../../support/raw-client';
import type { MalformedCase } from './malformed-case';
import { request } from './malformed-case';
import { renewToken } from './target';
import type { Victim } from './target';

const RENEWED_EVERY_MS = 120_000;

/** Sends each case on a connection of its own; what is wrong with the answers, and with what they left behind. */
export async function judge(
  victim: Victim,
  cases: readonly MalformedCase[],
  settleMs = 10_000,
): Promise<string[]> {
  const faults: string[] = [];
  let before = await victim.contents();
  let renewAtMs = performance.now() + RENEWED_EVERY_MS;
  for (const one of cases) {
    if (performance.now() >= renewAtMs) {
      await renewToken(victim.client, victim.target);
      renewAtMs = performance.now() + RENEWED_EVERY_MS;
    }
    const fault = await tryOne(victim, one, { before, settleMs });
    if (fault === undefined) continue;
    faults.push(`${one.name}: ${fault}`);
    before = await victim.contents();
  }
  return faults;
}

interface Expected {
  before: string[];
  settleMs: number;
}

async function tryOne(victim: Victim, one: MalformedCase, expected: Expected): Promise<string | undefined> {
  const { target } = victim;
  if (one.needsUpload) target.upload = await victim.openUpload();
  try {
    const answer = await exchangeRaw({ port: target.port, bytes: one.bytes(target), then: one.then });
    const fault = one.isUnanswered ? undefined : faultOf(answer, one);
    if (one.needsUpload) await victim.dropUpload(target.upload);
    return fault ?? (await servesOn(victim)) ?? (await leftBehind(victim, expected));
  } catch (error) {
    return String(error);
  }
}

/** Of the answer; undefined when it is as it should be. */
function faultOf(
  answer: RawAnswer | null,
  { status, ignored = [], isHead }: MalformedCase,
): string | undefined {
  if (!answer) return 'closed without an answer';
  const said = `${answer.status} ${answer.body.toString('utf8').slice(0, 200)}`;
  if (ignored.includes(answer.status)) return undefined;
  if (status !== undefined && answer.status !== status) return `${said} is not ${status}`;
  if (answer.status < 400 || answer.status > 499) return said;
  if (answer.rest.length > 0) return `${said}, and more behind it: ${answer.rest.toString('latin1')}`;
  if (answer.headers.get('docker-distribution-api-version') !== 'registry/2.0') {
    return `${said}, without the version of the protocol`;
  }
  if (answer.status === 401 && !/^Bearer realm=/.test(answer.headers.get('www-authenticate') ?? '')) {
    return `${said}, without a challenge`;
  }
  return isHead || isErrorJson(answer) ? undefined : `${said} is no error of the protocol`;
}

function isErrorJson({ headers, body }: RawAnswer): boolean {
  if (headers.get('content-type') !== 'application/json') return false;
  if (Number(headers.get('content-length')) !== body.length) return false;
  const { errors } = JSON.parse(body.toString('utf8')) as { errors?: Record<string, unknown>[] };
  return (
    Array.isArray(errors) &&
    errors.length > 0 &&
    errors.every(({ code, message, detail }) => {
      const isNamed = typeof code === 'string' && /^[A-Z_]+$/.test(code);
      return isNamed && typeof message === 'string' && message !== '' && typeof detail === 'object';
    })
  );
}

async function servesOn({ target }: Victim): Promise<string | undefined> {
  const path = `/v2/${target.repository}/manifests/${target.manifest.tag}`;
  const answer = await exchangeRaw({ port: target.port, bytes: request(target, 'GET', path) });
  const isServed = answer?.status === 200 && answer.body.toString('utf8') === target.manifest.body;
  return isServed ? undefined : `the next request was answered ${answer?.status ?? 'not at all'}`;
}

/** Of a client that hung up the server hears a moment later. */
async function leftBehind(victim: Victim, { before, settleMs }: Expected): Promise<string | undefined> {
  let changes: string[] = [];
  try {
    await eventually(async () => {
      changes = differences(before, await victim.contents());
      if (changes.length > 0) throw new Error('not yet');
    }, settleMs);
    return undefined;
  } catch {
    return `left behind: ${changes.join('; ')}`;
  }
}

function differences(before: readonly string[], after: readonly string[]): string[] {
  const gone = before.filter((line) => !after.includes(line)).map((line) => `no more ${line}`);
  return [...gone, ...after.filter((line) => !before.includes(line)).map((line) => `now ${line}`)];
}
