import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, isLoopback, networkOf, plainAddress } from '../../lib/net/address.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('formatAddress', () => {
  it('puts a colon between host and port', () =>
    assert.equal(formatAddress({ host: 'localhost', port: 1234 }), 'localhost:1234'));

  it('puts an IPv6 address in brackets', () => assert.equal(formatAddress({ host: '::1', port: 1234 }), '[::1]:1234'));
});

describe('isLoopback', () => {
  for (const host of ['localhost', 'LocalHost', '127.0.0.1', '127.0.0.2', '127.255.255.254', '::1'])
    it(`knows ${host} as this machine's own`, () => assert.equal(isLoopback(host), true));

  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '27.0.0.1',
    '1127.0.0.1',
    '127.0.0.1.example.org',
    'localhost.example.org',
    'notlocalhost',
    '::2',
    'fe80::1',
    '::ffff:10.0.0.1',
  ])
    it(`takes ${JSON.stringify(host)} for reachable from elsewhere`, () => assert.equal(isLoopback(host), false));
});

describe('plainAddress', () => {
  const cases: readonly (readonly [address: string, plain: string])[] = [
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['::ffff:1', '::ffff:1'],
    ['2001:db8::ffff:10.0.0.1', '2001:db8::ffff:10.0.0.1'],
  ];
  for (const [address, plain] of cases)
    it(`makes ${plain} of ${address}`, () => assert.equal(plainAddress(address), plain));
});

describe('networkOf', () => {
  const networks: readonly (readonly string[])[] = [
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['10.0.0.2'],
    ['2001:db8:1:2::', '2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8:1:3::1', '2001:db8:1:3:3:4:5:6'],
    ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8::5:6:7:8'],
    ['2001:db8:1::1', '2001:db8:1:0:1:2:3:4', '2001:db8:1::'],
    ['::1', '::', '::2:3:4'],
    ['1::2:3:4:5', '1::'],
    ['1:0:0:2::', '1::2:3:4:5:6'],
    ['fe80::1', 'fe80::2'],
  ];
  for (const addresses of networks)
    it(`counts ${addresses.join(', ')} as one and no other`, () => {
      const [network = ''] = addresses.map(networkOf);
      for (const address of addresses) assert.equal(networkOf(address), network, address);
      for (const others of networks)
        if (others !== addresses) for (const other of others) assert.notEqual(networkOf(other), network, other);
    });
});
