import { describe, expect, it } from 'vitest'
import { createDestinationGuard } from '#src/ads/index.js'

const guard = createDestinationGuard()
const familyOf = (address: string) => (address.includes(':') ? 6 : 4)

/** First and last address of each range that is not public, and the public ones beside it where the neighbour is. */
const SPECIAL = `
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200 127.0.0.1 127.255.255.255 168.63.129.16
169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0
192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:ffff:a9fe:a9fe ::ffff:10.0.0.1 [::ffff:192.168.1.1] 64:ff9b::10.0.0.1
64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101:: 3fff::1 4000::1
5f00::1 8000::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1
`
const PUBLIC = `
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255
172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 8.8.8.8 168.63.129.17
2606:4700::1111 2001:4860:4860::8888 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 3ffe:ffff::1
`

describe('C15 F-38 C-16 the guard of destinations', () => {
  it.each(SPECIAL.trim().split(/\s+/))('refuses %s', (address) => {
    expect(guard.checkAddress(address, familyOf(address))).toBe(`address ${address} is not public`)
  })

  it.each(PUBLIC.trim().split(/\s+/))('lets %s pass', (address) => {
    expect(guard.checkAddress(address, familyOf(address))).toBeNull()
  })

  it.each([
    ['file:///etc/passwd', 'scheme file: is not allowed'],
    ['ftp://a.example/', 'scheme ftp: is not allowed'],
    ['https://user@a.example/', 'credentials in a URL are not allowed'],
    ['https://a.example:22/', 'port 22 is not allowed'],
    ['http://127.0.0.1/', 'address 127.0.0.1 is not public'],
    ['http://127.1/', 'address 127.0.0.1 is not public'],
    ['http://0x7f000001/', 'address 127.0.0.1 is not public'],
    ['http://2130706433/', 'address 127.0.0.1 is not public'],
    ['http://017700000001/', 'address 127.0.0.1 is not public'],
    ['http://127.0.0.1./', 'address 127.0.0.1 is not public'],
    ['http://①②⑦.0.0.1/', 'address 127.0.0.1 is not public'],
    ['http://[::1]/', 'address ::1 is not public'],
    ['http://[::ffff:169.254.169.254]/latest', 'address ::ffff:a9fe:a9fe is not public'],
    ['https://a.example/', null],
    ['http://a.example:8080/', null],
    ['http://8.8.8.8/', null],
    // What a name means is checked when it has been resolved.
    ['http://localhost/', null],
  ])('%s: %s', (url, verdict) => {
    expect(guard.checkUrl(new URL(url))).toBe(verdict)
  })

  it('takes ranges, ports and hosts', () => {
    const own = createDestinationGuard({
      allow: ['10.1.0.0/16', 'fd00::/8'],
      block: ['10.1.2.3', '8.8.8.0/24'],
      ports: [9000],
      hosts: ['ads.example'],
    })
    const addresses = [
      '10.1.0.9',
      'fd00::1',
      '::ffff:10.1.0.9',
      '10.1.2.3',
      '8.8.8.8',
      '::ffff:8.8.8.8',
      '10.2.0.1',
      '1.1.1.1',
    ]
    expect(addresses.map((address) => own.checkAddress(address, familyOf(address)))).toEqual([
      null,
      null,
      null,
      'address 10.1.2.3 is blocked',
      'address 8.8.8.8 is blocked',
      'address ::ffff:8.8.8.8 is blocked',
      'address 10.2.0.1 is not public',
      null,
    ])
    const urls = [
      'http://ads.example:9000/',
      'http://x.ADS.example.:9000/',
      'http://bads.example:9000/',
      'http://ads.example/',
    ]
    expect(urls.map((url) => own.checkUrl(new URL(url)))).toEqual([
      null,
      null,
      'host bads.example is not on the list',
      'port 80 is not allowed',
    ])
    expect(createDestinationGuard({ ports: 'any' }).checkUrl(new URL('http://a.example:1/'))).toBeNull()
    expect(createDestinationGuard({ allow: ['::/0', '0.0.0.0/0'] }).checkAddress('127.0.0.1', 4)).toBeNull()
  })

  it.each(['10.0.0.0/33', 'x', '10.0.0/8', '::/129', '1.2.3.4/-1', '1.2.3.4/'])('%s is no range', (range) => {
    expect(() => createDestinationGuard({ block: [range] })).toThrow(`'${range}' is no address range`)
  })
})
