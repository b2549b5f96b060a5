/** [network, prefix length, what it is]: ranges that nobody may aim at unless the operator allows them. */
export type AddressRange = readonly [network: string, prefix: number, reason: string];

/** No setting opens these: the first reaches this very machine on some systems, the others are not one host. */
export const NEVER_ALLOWED: readonly AddressRange[] = [
  ['0.0.0.0', 8, 'an unspecified address'],
  ['224.0.0.0', 4, 'a multicast address'],
  ['255.255.255.255', 32, 'a broadcast address'],
  ['::', 128, 'an unspecified address'],
  ['ff00::', 8, 'a multicast address'],
];

/** First match wins; IANA's special-purpose registries, and the metadata services of clouds by name. */
export const REFUSED_BY_DEFAULT: readonly AddressRange[] = [
  ['169.254.169.254', 32, 'a cloud metadata address'],
  ['169.254.170.2', 32, 'a cloud metadata address'],
  ['100.100.100.200', 32, 'a cloud metadata address'],
  ['168.63.129.16', 32, 'a cloud metadata address'],
  ['192.0.0.192', 32, 'a cloud metadata address'],
  ['fd00:ec2::254', 128, 'a cloud metadata address'],
  ['127.0.0.0', 8, 'a loopback address'],
  ['10.0.0.0', 8, 'a private address'],
  ['172.16.0.0', 12, 'a private address'],
  ['192.168.0.0', 16, 'a private address'],
  ['100.64.0.0', 10, 'a carrier-grade NAT address'],
  ['169.254.0.0', 16, 'a link-local address'],
  ['192.0.0.0', 24, 'a reserved address'],
  ['192.0.2.0', 24, 'a documentation address'],
  ['198.51.100.0', 24, 'a documentation address'],
  ['203.0.113.0', 24, 'a documentation address'],
  ['192.88.99.0', 24, 'a reserved address'],
  ['198.18.0.0', 15, 'a benchmarking address'],
  ['240.0.0.0', 4, 'a reserved address'],
  ['::1', 128, 'a loopback address'],
  ['fc00::', 7, 'a private address'],
  ['fe80::', 10, 'a link-local address'],
  ['fec0::', 10, 'a site-local address'],
  ['2001:db8::', 32, 'a documentation address'],
  ['3fff::', 20, 'a documentation address'],
  ['2001::', 23, 'a reserved address'],
  // Everything outside 2000::/3 is either listed above or not given to anybody as a global address.
  ['::', 3, 'a reserved address'],
  ['4000::', 2, 'a reserved address'],
  ['8000::', 1, 'a reserved address'],
];
