import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TOKEN_LENGTH, newToken, tokenKey } from '../../lib/protocol/token.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('newToken', () => {
  it('is 256 bits in lower-case hexadecimal digits', () => {
    assert.match(newToken(), /^[0-9a-f]{64}$/);
    assert.equal(newToken().length, TOKEN_LENGTH);
  });

  it('is another one each time', () => assert.equal(new Set(Array.from({ length: 1000 }, newToken)).size, 1000));
});

describe('tokenKey', () => {
  const token = newToken();
  const sameToken = (one: string, other: string) => tokenKey(one) === tokenKey(other);

  it('knows a token again', () => assert.equal(sameToken(token, Buffer.from(token).toString()), true));

  const strangers: Readonly<Record<string, string>> = {
    'another token': newToken(),
    'no token': '',
    'the start of it': token.slice(0, -1),
    'it with more behind': `${token}0`,
    'it in capitals': `${token}a`.toUpperCase(),
    'it with a blank': ` ${token}`,
    'a very long text': 'x'.repeat(100_000),
    'text beyond ASCII': '😀'.repeat(32),
  };
  for (const [name, stranger] of Object.entries(strangers))
    it(`refuses ${name}`, () => {
      assert.equal(sameToken(token, stranger), false);
      assert.equal(sameToken(stranger, token), false);
    });

  it('refuses a token with any one digit changed', () => {
    for (let at = 0; at < token.length; at += 1) {
      const changed = token[at] === '0' ? '1' : '0';
      assert.equal(sameToken(token, token.slice(0, at) + changed + token.slice(at + 1)), false);
    }
  });
});
