import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROMPT_COMMANDS, findCommand } from '../../../cli/prompt/prompt-commands.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

describe('findCommand', () => {
  it('finds each command by each of its names, in upper or lower case', () => {
    for (const command of PROMPT_COMMANDS)
      for (const name of command.names) {
        assert.equal(findCommand(name), command);
        assert.equal(findCommand(name.toUpperCase()), command);
      }
  });

  it('has no name twice', () => {
    const names = PROMPT_COMMANDS.flatMap(({ names }) => names);
    assert.deepEqual(names, [...new Set(names)]);
  });

  for (const [word, hint] of [
    ['ge', 'did you mean get?'],
    ['gte', 'did you mean get?'],
    ['gett', 'did you mean get?'],
    ['downlod', 'did you mean download?'],
    ['UPLOD', 'did you mean upload?'],
    ['qiut', 'did you mean quit?'],
    ['dele', 'did you mean delete?'],
    ['mkd', 'did you mean mkdir?'],
    ['m', 'did you mean mget or mput or mkdir or mv or move?'],
    ['xyzzy', 'try help'],
    ['z', 'try help'],
    ['', 'try help'],
  ] as const)
    it(`answers ${JSON.stringify(word)} with: ${hint}`, () =>
      assert.throws(() => findCommand(word), {
        name: 'OptionError',
        code: 'OPTION_INVALID',
        message: `unknown command "${word}": ${hint}`,
      }));
});
