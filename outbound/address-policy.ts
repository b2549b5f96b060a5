import { isIP, isIPv4 } from 'node:net';

import type { AddressRange } from './address-ranges';
import { NEVER_ALLOWED, REFUSED_BY_DEFAULT } from './address-ranges';
import { NetworkSet } from './network-set';

type AddressDecision = { isAllowed: true } | { isAllowed: false; reason: string };

export interface AddressPolicy {
  /** Decides for one IP address as the resolver or the URL parser wrote it; IPv6 without brackets. */
  check(address: string): AddressDecision;
}

interface Rule {
  range: NetworkSet;
  reason: string;
}

const ALLOWED: AddressDecision = { isAllowed: true };

/**
 * Refuses everything that is not a public unicast address, except the ranges in `allowedNetworks`
 * (`OUTBOUND_ALLOWED_NETWORKS`: CIDR or single addresses). Unspecified and multicast addresses stay refused.
 * Throws for an entry that is no network.
 */
export function createAddressPolicy({
  allowedNetworks,
}: {
  allowedNetworks: readonly string[];
}): AddressPolicy {
  const never = NEVER_ALLOWED.map(toRule);
  const refused = REFUSED_BY_DEFAULT.map(toRule);
  const allowed = new NetworkSet(allowedNetworks);

  function check(address: string): AddressDecision {
    const plain = stripZone(address);
    if (isIP(plain) === 0) return { isAllowed: false, reason: 'not an IP address' };
    if (!isIPv4(plain)) {
      const carried = embeddedIpv4(plain);
      if (carried) return check(carried);
    }
    const matches = (rule: Rule): boolean => rule.range.has(plain);
    const isOpened = allowed.has(plain);
    const rule = never.find(matches) ?? (isOpened ? undefined : refused.find(matches));
    return rule ? { isAllowed: false, reason: rule.reason } : ALLOWED;
  }
  return { check };
}

function toRule([network, prefix, reason]: AddressRange): Rule {
  return { range: new NetworkSet([`${network}/${prefix}`]), reason };
}

function stripZone(address: string): string {
  return address.replace(/%.*$/s, '');
}

/** The IPv4 address that a packet to this IPv6 address ends at: v4-mapped, NAT64 (64:ff9b::/96) and 6to4. */
function embeddedIpv4(address: string): string | undefined {
  const groups = expandIpv6(address);
  const [first, second, third] = groups;
  if (first === 0x2002) return toIpv4(second, third);
  const head = groups
    .slice(0, 6)
    .map((group) => group.toString(16))
    .join(':');
  return head === '0:0:0:0:0:ffff' || head === '64:ff9b:0:0:0:0' ? toIpv4(groups[6], groups[7]) : undefined;
}

function expandIpv6(address: string): number[] {
  // The URL parser writes every form, a dotted tail included, as compressed groups of hex digits.
  const compressed = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left = '', right] = compressed.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = !right ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => parseInt(group, 16));
}

function toIpv4(high = 0, low = 0): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
