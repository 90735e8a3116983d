import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createParser } from '../../cli/parser.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const URL = 'sluice://127.0.0.1/';

describe('a command line that makes no sense', () => {
  for (const [words, message] of [
    [[], /say what to do/],
    [['gett', URL], /get/],
    [['get'], /at least 1/],
    [['get', URL, '--bogus'], /bogus/],
    [['get', `${URL}a`, 'b', 'c'], /c/],
    [['get', 'a.txt'], /"a.txt" is not a URL/],
    [['get', 'http://127.0.0.1/a'], /not a URL/],
    [['get', 'sluice://127.0.0.1:65536/a'], /not a URL/],
    [['get', `${URL}a#b`], /%23/],
    [['get', `${URL}%zz`], /percent/],
    [['get', URL], /names a folder/],
    [['ls', 'sluice://127.0.0.1:0/'], /port/],
    [['put', URL], /at least one file/],
    [['put', 'a', 'b', `${URL}c`], /ends in \//],
    [['put', 'a', 'b'], /"b" is not a URL/],
    [['mv', `${URL}a`, 'sluice://127.0.0.2/a'], /one server/],
    [['ls', URL, '--timeout', 'soon'], /timeout/],
    [['ls', URL, '--timeout', '0'], /timeout/],
    [['connect', 'host', '65536'], /0 to 65535/],
    [['connect', 'host', '12a'], /0 to 65535/],
    [['serve', '65536'], /0 to 65535/],
    [['serve', '-1'], /0 to 65535/],
    [['serve', '0x50'], /0 to 65535/],
    [['serve', 'http'], /0 to 65535/],
    [['serve', '0', '--host', '0.0.0.0'], /anonymous/],
    [['serve', '0', '--data-ports', '9-1'], /9-1/],
    [['serve', '0', '--grace', '0'], /grace/],
    [['serve', '0', '--max-sessions', 'many'], /--max-sessions must be a number/],
    [['serve', '0', '--root', 'a', '--root', 'b'], /--root is given more than once/],
    [['gett'], /unknown command "gett": did you mean get\?/],
    [['serve', '0', '--log-level', 'loud'], /log-level.*"loud"/],
  ] as const)
    it(`is refused: ${['sluice', ...words].join(' ')}`, async () => {
      const parse = async () => createParser(words).parseAsync();
      await assert.rejects(parse, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'OPTION_INVALID');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
});
