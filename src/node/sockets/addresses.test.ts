/** Addresses as Node writes them. */
import { expect, it } from 'vitest';
import { Random } from '../../util/index.ts';
import { Devices, addressBytes, isBroadcast, isLoopback, isMulticast } from './addresses.ts';

const hex = (text: string): string => Buffer.from(addressBytes(text)).toString('hex');

it.each([
  ['127.0.0.1', '7f000001'],
  ['255.255.255.255', 'ffffffff'],
  ['0.0.0.0', '00000000'],
  ['::ffff:10.1.2.3', '0a010203'],
  ['::', '00'.repeat(16)],
  ['::1', `${'00'.repeat(15)}01`],
  ['1::', `0001${'00'.repeat(14)}`],
  ['fe80::1%eth0', `fe80${'00'.repeat(13)}01`],
  ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ['2001:db8::5:0:6', `20010db8${'00'.repeat(6)}000500000006`],
  ['::1.2.3.4', `${'00'.repeat(12)}01020304`],
  ['64:ff9b::1.2.3.4', `0064ff9b${'00'.repeat(8)}01020304`],
])('%s', (text, bytes) => expect(hex(text)).toBe(bytes));

it('of IPv6 are what URL makes of them', () => {
  const random = new Random(5);
  for (let n = 0; n < 500; n++) {
    const groups = Array.from({ length: 8 }, () => (random.oneIn(2) ? 0 : random.below(0x10000)));
    const text = new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
    expect(hex(text), text).toBe(groups.map((group) => group.toString(16).padStart(4, '0')).join(''));
  }
});

it('are known by kind', () => {
  expect(['127.9.9.9', '::1', '10.0.0.1', '::2'].map((text) => isLoopback(addressBytes(text)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(['224.0.0.1', '239.255.0.1', 'ff02::1', '10.0.0.1'].map((text) => isMulticast(addressBytes(text)))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(isBroadcast(addressBytes('255.255.255.255'))).toBe(true);
});

it('lead to devices', () => {
  const devices = new Devices();
  const ask = (): (number | undefined)[] => [
    devices.indexOf('127.0.0.1', '0.0.0.0'),
    devices.indexOf('::1', '::'),
    devices.indexOf('203.0.113.5', '0.0.0.0'),
    devices.indexOf('fe80::1%7', '::'),
    devices.indexOf('fe80::1%no such device', '::'),
  ];
  expect([ask(), ask()]).toEqual([
    [1, 1, undefined, 7, undefined],
    [1, 1, undefined, 7, undefined],
  ]);
});
