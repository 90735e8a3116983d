import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDataPorts } from '../../cli/data-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('parseDataPorts', () => {
  for (const [text, value] of [
    ['ephemeral', 'ephemeral'],
    ['same', 'same'],
    ['5000-5100', { from: 5000, to: 5100 }],
    ['1-65535', { from: 1, to: 65_535 }],
    ['4000-4000', { from: 4000, to: 4000 }],
    ['4000', { from: 4000, to: 4000 }],
  ] as const)
    it(`reads ${text}`, () => assert.deepEqual(parseDataPorts(text), value));

  for (const text of ['', 'Same', '0', '5000-', '-5000', '5100-5000', '0-10', '1-65536', '1-2-3', 'a-b', '1 - 2'])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseDataPorts(text), { name: 'OptionError', code: 'OPTION_INVALID' }));
});
