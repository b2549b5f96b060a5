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
    const next = fault ?? (await servesOn(victim));
    return next ?? (one.mayBeServed ? undefined : await leftBehind(victim, expected));
  } catch (error) {
    return String(error);
  }
}

/** Of the answer; undefined when it is as it should be. */
function faultOf(answer: RawAnswer | null, one: MalformedCase): string | undefined {
  if (!answer) return 'closed without an answer';
  const { status } = answer;
  const said = `${status} ${answer.body.toString('utf8').slice(0, 200)}`;
  if (one.ignored?.includes(status) || (one.mayBeServed && status < 400)) {
    return isWhole(answer) ? undefined : `${said} does not fit its headers`;
  }
  if (one.status !== undefined && status !== one.status) return `${said} is not ${one.status}`;
  if (status < 400 || status > 499) return said;
  if (answer.rest.length > 0) return `${said}, and more behind it: ${answer.rest.toString('latin1')}`;
  if (answer.headers.get('docker-distribution-api-version') !== 'registry/2.0') {
    return `${said}, without the version of the protocol`;
  }
  if (status === 401 && !/^Bearer realm=/.test(answer.headers.get('www-authenticate') ?? '')) {
    return `${said}, without a challenge`;
  }
  return one.isHead || isErrorJson(answer) ? undefined : `${said} is no error of the protocol`;
}

/** As long as it says, and as its range says where it has one. */
function isWhole({ status, headers, body }: RawAnswer): boolean {
  if (Number(headers.get('content-length') ?? 0) !== body.length) return false;
  if (status !== 206) return true;
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
  return Number(last) - Number(first) + 1 === body.length && Number(last) < Number(size);
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
