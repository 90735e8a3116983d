import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { readHistory, writeHistory } from '../../../cli/prompt/history.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

/** Sets a variable of the environment until the test ends. */
const setVariable = (test: TestContext, name: string, value: string): void => {
  const before = process.env[name];
  test.after(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before;
  });
  process.env[name] = value;
};

describe('history', () => {
  it('gives back what was written, and is readable to its owner only', async (test) => {
    const folder = await temporaryFolder(test);
    setVariable(test, 'XDG_STATE_HOME', join(folder, 'state'));
    assert.deepEqual(readHistory(), []);
    writeHistory(['get "a b"', 'ls']);
    assert.deepEqual(readHistory(), ['get "a b"', 'ls']);
    assert.equal((await stat(join(folder, 'state', 'sluice', 'history'))).mode & 0o777, 0o600);
  });

  it('keeps the newest thousand lines', async (test) => {
    setVariable(test, 'XDG_STATE_HOME', await temporaryFolder(test));
    writeHistory(Array.from({ length: 1500 }, (_, index) => `line ${index}`));
    assert.deepEqual([readHistory().length, readHistory()[0]], [1000, 'line 0']);
  });

  it('is kept below the home folder where XDG_STATE_HOME is empty', async (test) => {
    const home = await temporaryFolder(test);
    setVariable(test, 'HOME', home);
    setVariable(test, 'XDG_STATE_HOME', '');
    writeHistory(['ls']);
    assert.equal(await readFile(join(home, '.local', 'state', 'sluice', 'history'), 'utf8'), 'ls\n');
  });

  it('does without where it cannot be written', async (test) => {
    setVariable(test, 'XDG_STATE_HOME', '/dev/null');
    writeHistory(['ls']);
    assert.deepEqual(readHistory(), []);
    await Promise.resolve();
  });
});
