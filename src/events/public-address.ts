// Which addresses belong to the open Internet. Everything else (this machine, private networks, cloud metadata, multicast,
// documentation) is where a webhook of a stranger must not be able to reach.
import { BlockList, isIP } from 'node:net'
import { fail, type MlError } from '../core/failure.ts'

const RESERVED_4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const

const reserved = new BlockList()
for (const [network, prefix] of RESERVED_4) reserved.addSubnet(network, prefix, 'ipv4')

const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
/** Inside 2000::/3, but tunnels to IPv4 addresses (6to4, Teredo), or documentation. */
const reserved6 = new BlockList()
reserved6.addSubnet('2001::', 23, 'ipv6')
reserved6.addSubnet('2001:db8::', 32, 'ipv6')
reserved6.addSubnet('2002::', 16, 'ipv6')
reserved6.addSubnet('3fff::', 20, 'ipv6')

/** False for text that is no address. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !reserved.check(address, 'ipv4')
  return version === 6 && global6.check(address, 'ipv6') && !reserved6.check(address, 'ipv6')
}

/** The address that the URL itself names; nothing where it has a name. Odd spellings (`0x7f.1`) were read by `URL`. */
export function literalAddress({ hostname }: URL): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? undefined : host
}

export function forbiddenAddress(address: string): MlError {
  const words = `${address} is not a public address; WEBHOOK_ALLOW_PRIVATE permits such`
  return fail('forbidden', 'WEBHOOK_ADDRESS_FORBIDDEN', words)
}
