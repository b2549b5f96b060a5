import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import type { AddressPolicy } from './address-policy';
import { OutboundError } from './errors';

export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** Finds the addresses of a name; the default asks the system, so `/etc/hosts` and search domains count. */
export type Resolver = (host: string) => Promise<readonly { address: string }[]>;

export interface ResolveOptions {
  resolver?: Resolver;
  /** Default 10 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Where a connection may go: exactly these addresses, never what a second look-up would say. */
export interface ResolvedTarget {
  /** As the URL parser writes it: lower case, punycode, numbers as dotted IPv4, IPv6 without brackets. */
  host: string;
  addresses: readonly [ResolvedAddress, ...ResolvedAddress[]];
}

const DEFAULT_TIMEOUT_MS = 10_000;
const systemResolver: Resolver = (host) => lookup(host, { all: true });

/**
 * Resolves a host of a URL and lets the policy judge every answer; one refused address refuses the host,
 * since a name that mixes public and private answers is how rebinding looks. Throws {@link OutboundError}
 * (`invalid-url`, `unknown-host`, `refused-address`, `timeout`, `aborted`).
 */
export async function resolveTarget(
  host: string,
  policy: AddressPolicy,
  options: ResolveOptions = {},
): Promise<ResolvedTarget> {
  const name = normalizeHost(host);
  const answers = isIP(name) ? [{ address: name }] : await lookUp(name, options);
  const [first, ...others] = answers.map(({ address }) => admit(name, address, policy));
  if (!first) throw unknownHost(name);
  return { host: name, addresses: [first, ...others] };
}

function normalizeHost(host: string): string {
  const bracketed = isIP(host) === 6 ? `[${host}]` : host;
  if (bracketed === '' || /[\s/\\?#@]/.test(bracketed) || !URL.canParse(`http://${bracketed}/`)) {
    throw new OutboundError('invalid-url', `"${host}" is not a host name`);
  }
  return new URL(`http://${bracketed}/`).hostname.replace(/^\[|\]$/g, '');
}

function admit(host: string, address: string, policy: AddressPolicy): ResolvedAddress {
  const decision = policy.check(address);
  if (decision.isAllowed) return { address, family: isIP(address) === 4 ? 4 : 6 };
  const subject = host === address ? `"${host}" is` : `"${host}" resolves to ${address},`;
  throw new OutboundError('refused-address', `${subject} ${decision.reason} that calls may not reach`);
}

async function lookUp(host: string, options: ResolveOptions): Promise<readonly { address: string }[]> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const stop = new AbortController();
  const given = options.signal ? [options.signal] : [];
  // The system's resolver cannot be cancelled: the answer of one that comes too late is dropped.
  const interrupted = new Promise<never>((_resolve, reject) => {
    const signal = AbortSignal.any([stop.signal, ...given]);
    const giveUp = (): void =>
      reject(new OutboundError('aborted', `looking up "${host}" was stopped`, { cause: signal.reason }));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    return await Promise.race([(options.resolver ?? systemResolver)(host), interrupted]);
  } catch (error) {
    if (stop.signal.aborted) {
      throw new OutboundError('timeout', `looking up "${host}" took longer than ${timeoutMs} ms`);
    }
    throw error instanceof OutboundError ? error : unknownHost(host, error);
  } finally {
    clearTimeout(timer);
  }
}

function unknownHost(host: string, cause?: unknown): OutboundError {
  const isTemporary = cause instanceof Error && 'code' in cause && cause.code === 'EAI_AGAIN';
  const message = isTemporary ? `"${host}" could not be looked up just now` : `there is no host "${host}"`;
  return new OutboundError('unknown-host', message, { cause });
}
