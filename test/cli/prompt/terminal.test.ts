import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { LocalFolderStore } from '../../../lib/index.ts';
import { drippingStore } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';
import { startServer } from '../../helpers/server.ts';
import { KEY, NO_TERMINAL, PROMPT, Terminal } from '../../helpers/terminal.ts';

checkLeaks();

const start = async (test: TestContext, options: Parameters<typeof startServer>[1] = {}) => {
  const server = await startServer(test, options);
  const here = await temporaryFolder(test);
  const state = await temporaryFolder(test);
  const words = ['connect', '127.0.0.1', String(server.port)];
  const open = () => new Terminal(test, words, { cwd: here, env: { XDG_STATE_HOME: state } });
  return { ...server, here, state, open };
};

describe('the prompt on a terminal', { skip: NO_TERMINAL }, () => {
  it('asks with ftp>, runs ls, put and get, and ends with 0 at quit', async (test) => {
    const { open, root, here } = await start(test);
    await writeFile(join(here, 'mine'), 'from here');
    await writeFile(join(root, 'yours'), 'from there');
    await writeFile(join(root, 'evil\u202etxt'), '');
    const terminal = open();
    // `enter` waits for a prompt of its own: there is one again behind nothing, too.
    await terminal.enter('');
    await terminal.enter('ls');
    await terminal.waitFor(/evil\\u\{202e\}txt\r\n10 B .*yours\r\n/);
    await terminal.enter('put mine');
    await terminal.waitFor(/mine -> \/mine: 9 B in .*, verified\r\n/);
    await terminal.enter('GET yours');
    await terminal.waitFor(/yours: 10 B in .*, verified\r\n/);
    await terminal.enter('nonsense');
    await terminal.waitFor(/unknown command "nonsense": try help/);
    await terminal.enter('quit');
    assert.equal(await terminal.exited, 0);
    assert.equal(await readFile(join(here, 'yours'), 'utf8'), 'from there');
    assert.equal(await readFile(join(root, 'mine'), 'utf8'), 'from here');
    assert.doesNotMatch(terminal.screen.text, /\u202e/);
  });

  it('completes commands, remote names and local names at Tab', async (test) => {
    const { open, root, here } = await start(test);
    await writeFile(join(root, 'remote with blanks'), '');
    await writeFile(join(here, 'local with "blanks"'), '');
    const terminal = open();
    await terminal.waitFor(PROMPT);
    terminal.type(`dow${KEY.tab}`);
    await terminal.waitFor(/nload /);
    terminal.type(`rem${KEY.tab}`);
    await terminal.waitFor(/ote\\ with\\ blanks /);
    terminal.type(`copy${KEY.enter}`);
    await terminal.waitFor(/copy: 0 B in .*, verified/);
    await terminal.waitFor(PROMPT);
    terminal.type(`put loc${KEY.tab}`);
    await terminal.waitFor(/al\\ with\\ \\"blanks\\" /);
    terminal.type(KEY.enter);
    await terminal.waitFor(/verified/);
    await terminal.enter('bye');
    assert.equal(await terminal.exited, 0);
    assert.deepEqual((await readdir(root)).sort(), ['local with "blanks"', 'remote with blanks']);
    assert.ok((await readdir(here)).includes('copy'));
  });

  it('keeps its history between runs', async (test) => {
    const { open, state } = await start(test);
    const first = open();
    await first.enter('mkdir remembered');
    await first.waitFor(/made/);
    await first.enter('quit');
    await first.exited;
    assert.equal(await readFile(join(state, 'sluice', 'history'), 'utf8'), 'quit\nmkdir remembered\n');
    const second = open();
    await second.waitFor(PROMPT);
    second.type(KEY.up + KEY.up);
    await second.waitFor(/mkdir remembered/);
    second.type(KEY.enter);
    await second.waitFor(/\[EXISTS\]/);
    await second.waitFor(PROMPT);
    second.type(KEY.ctrlD);
    assert.equal(await second.exited, 0);
  });

  it('draws progress, cancels the transfer at Ctrl-C or abort, and leaves with 130 at the next Ctrl-C', async (test) => {
    const root = await temporaryFolder(test);
    await writeFile(join(root, 'endless'), '');
    const { open, here, events } = await start(test, { store: drippingStore(await LocalFolderStore.open(root)) });
    const terminal = open();
    for (const stop of [KEY.ctrlC, `abort${KEY.enter}`]) {
      await terminal.enter('get endless');
      await terminal.waitFor(/\/endless +\d+% {2}[\d.]+ k?M?B of 268 MB {2}[\d.]+ k?M?B\/s {2}[\d:]+ left/);
      terminal.type(stop);
      await terminal.waitFor(/sluice: cancelled \[CANCELLED\]\r\n/);
    }
    await terminal.enter('pwd');
    await terminal.waitFor(/\r\n\/\r\n/);
    await terminal.waitFor(PROMPT);
    terminal.type('half a line');
    await terminal.waitFor(/half a line/);
    terminal.type(KEY.ctrlC);
    await terminal.waitFor(/\^C/);
    await terminal.waitFor(PROMPT);
    terminal.type(KEY.ctrlC);
    assert.equal(await terminal.exited, 130);
    assert.deepEqual(
      (await readdir(here)).filter((name) => !name.startsWith('.sluice-part-')),
      [],
    );
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'transfer' ? [event.error?.code] : [])),
      ['CANCELLED', 'CANCELLED'],
    );
  });

  it('tells that its server is gone, and stays', async (test) => {
    const { open, ...server } = await start(test);
    const terminal = open();
    await terminal.waitFor(PROMPT);
    server.close();
    await terminal.waitFor(/connection was lost .*\r\n/);
    await terminal.enter('pwd');
    await terminal.waitFor(/\r\n\/\r\n/);
    await terminal.enter('exit');
    assert.equal(await terminal.exited, 0);
  });
});
