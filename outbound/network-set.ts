import { BlockList, isIP, isIPv4 } from 'node:net';

type Family = 'ipv4' | 'ipv6';

/** CIDR ranges and single addresses, as operators list them; throws for an entry that is neither. */
export class NetworkSet {
  // A BlockList takes IPv4 addresses for v4-mapped ones and would match them with IPv6 ranges like ::/3.
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() };

  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  has(address: string): boolean {
    const family = familyOf(address);
    return this.#lists[family].check(address, family);
  }

  #add(network: string): void {
    const [address = '', prefix, ...rest] = network.split('/');
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    if (version === 0 || rest.length > 0 || !(length <= longest)) {
      throw new Error(`network "${network}" is not an address or a CIDR range`);
    }
    const family = familyOf(address);
    this.#lists[family].addSubnet(address, length, family);
  }
}

function familyOf(address: string): Family {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}
