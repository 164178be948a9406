/** Whose request it is: the key of a limit for each caller. */
import { checkOptions, expected, type Rule } from '../options.js';
import { networkOf } from './ipAddress.js';

/** Headers as Node has them, or as Fetch has them. */
export type HeadersLike =
  Readonly<Record<string, string | readonly string[] | undefined>> | { get(name: string): string | null };

/** Options of `clientAddress`. */
export interface ClientAddressOptions {
  /**
   * Which proxies are ours, and write down whom they got a request from: so many, one before the other, or those whose address is one for which
   * it returns something truthy. An integer of at least 0, or a function. Default: 0, for anybody may write a header.
   */
  trustProxy?: number | ((address: string) => boolean) | undefined;
  /**
   * The header in which they write it. Just one: the other, which they let pass, is what the caller says. Only with `trustProxy`.
   * Default: `'x-forwarded-for'`.
   */
  proxyHeader?: 'x-forwarded-for' | 'forwarded' | undefined;
  /** Bits of an IPv6 address that tell callers apart. An integer from 1 to 128. Default: 64, what one customer has. */
  ipv6Prefix?: number | undefined;
}

/**
 * The address of a caller as the key of a limiter: that of the socket, or the one that proxies of ours wrote down.
 *
 * `admission` does this by itself on Node. Use it in a `key` of your own: for the Fetch side, where the platform tells the address in
 * its own way, or for callers that are known otherwise only if they have logged in. An IPv6 address is taken as its network: with one customer's
 * /64 anybody could be a new caller with each request.
 *
 * A header is read from the right, where the proxy nearest to us wrote, and only as far as proxies are trusted; where something is written that is
 * no address, the last address before it counts. So a caller never chooses what it is counted as. `trustProxy` as a number holds only
 * where nobody can reach the server past the proxies.
 *
 * ```ts
 * import { clientAddress } from 'sluice/http';
 *
 * const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7' };
 * console.log(clientAddress('::ffff:10.0.0.2', headers)); // => 10.0.0.2
 * console.log(clientAddress('::ffff:10.0.0.2', headers, { trustProxy: 1 })); // => 203.0.113.7
 * console.log(clientAddress('2001:db8:1:2:3:4:5:6', {})); // => 2001:db8:1:2::/64
 * ```
 *
 * @param remote the address of who sent the request to us; `'unknown'` is returned where it is none, as for a Unix socket
 * @throws OptionError at the call when an option is wrong
 */
export function clientAddress(
  remote: string | undefined,
  headers: HeadersLike,
  options: ClientAddressOptions = {},
): string {
  checkOptions('clientAddress', options, ADDRESS_RULES);
  checkProxy('clientAddress', options);
  return addressOf(remote, headers, options);
}

/** The rules of those options. */
export const ADDRESS_RULES: Record<keyof ClientAddressOptions, Rule> = {
  trustProxy: [
    'an integer of at least 0, or a function',
    (value: unknown) => typeof value === 'function' || (Number.isInteger(value) && (value as number) >= 0),
  ],
  proxyHeader: ["'x-forwarded-for' or 'forwarded'", (value) => value === 'x-forwarded-for' || value === 'forwarded'],
  ipv6Prefix: [
    'an integer from 1 to 128',
    (value: unknown) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 128,
  ],
};

/** Without `trustProxy` no header is read. One that says 0 knows that. */
export function checkProxy(where: string, { trustProxy, proxyHeader }: ClientAddressOptions): void {
  if (proxyHeader === undefined || trustProxy !== undefined) return;
  expected('trustProxy', 'given where `proxyHeader` is', undefined, where);
}

/** The same with options that are checked. */
export function addressOf(remote: string | undefined, headers: HeadersLike, options: ClientAddressOptions): string {
  const { trustProxy = 0, proxyHeader = 'x-forwarded-for', ipv6Prefix = 64 } = options;
  let caller = remote ?? '';
  if (trustProxy !== 0) {
    const parse = proxyHeader === 'forwarded' ? forwardedFor : withoutPort;
    const isTrusted = (hop: number): boolean => {
      if (typeof trustProxy === 'number') return hop < trustProxy;
      const answer: unknown = trustProxy(networkOf(caller, 128) ?? 'unknown');
      return answer === true; // a promise is no yes
    };
    let text = headerOf(headers, proxyHeader);
    for (let hop = 0; text !== undefined && isTrusted(hop); hop++) {
      const comma = text.lastIndexOf(',');
      const address = parse(text.slice(comma + 1).trim());
      if (address === undefined || networkOf(address, ipv6Prefix) === undefined) break;
      caller = address;
      text = comma === -1 ? undefined : text.slice(0, comma);
    }
  }
  return networkOf(caller, ipv6Prefix) ?? 'unknown';
}

function headerOf(headers: HeadersLike, name: string): string | undefined {
  const { get } = headers as { get?: unknown };
  const value = typeof get === 'function' ? (headers as Headers).get(name) : (headers as NodeHeaders)[name];
  const text = typeof value === 'object' ? value?.join() : value;
  return text === '' ? undefined : text;
}

type NodeHeaders = Record<string, string | string[] | undefined>;

/** `1.2.3.4:5678`, `[2001:db8::1]:443` and `[2001:db8::1]` are what some proxies write. */
function withoutPort(text: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

/**
 * Who it is for, by one element of `Forwarded` (RFC 7239): `for=192.0.2.60;proto=http`. An element that is not whole, for the comma was in a
 * quoted text, is none: what is quoted may be the caller's.
 */
function forwardedFor(element: string): string | undefined {
  if (!ELEMENT.test(element)) return undefined;
  const pairs = Array.from(element.matchAll(PAIRS), ([, name, quoted, plain]) => [
    name!.toLowerCase(),
    quoted ?? plain,
  ]);
  const found = pairs.filter(([name]) => name === 'for');
  return found.length === 1 ? withoutPort(found[0]![1]!) : undefined;
}

const TOKEN = "[!#$%&'*+.^`|~\\w-]+";
const PAIR = `(${TOKEN})=(?:"([^"\\\\]*)"|([!#$%&'*+.^\`|~\\w:[\\]-]+))`;
const ELEMENT = new RegExp(`^${PAIR}(?:\\s*;\\s*${PAIR})*$`);
const PAIRS = new RegExp(PAIR, 'g');
