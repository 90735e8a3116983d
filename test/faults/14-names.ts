import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom, toArray } from 'rxjs';
import { failsWith } from '../helpers/errors.ts';
import { startScene } from './scene.ts';

const NAMES = [
  { what: 'a composed letter', name: 'caf\u00e9' },
  { what: 'the same letter decomposed', name: 'cafe\u0301' },
  { what: 'capitals', name: 'NAME' },
  { what: 'the same in small letters', name: 'name' },
  { what: '255 bytes', name: 'ü'.repeat(127) + 'x' },
  { what: 'right-to-left text', name: 'קובץ-ملف' },
  { what: 'an override of the direction of writing', name: 'exe\u202egpj.txt' },
  { what: 'emoji', name: '👩‍👩‍👧‍👦.jpg' },
  { what: 'a trailing dot', name: 'trailing.' },
  { what: 'a trailing blank', name: 'trailing ' },
  { what: 'a device of another system', name: 'CON' },
  { what: 'a leading dash', name: '-rf' },
  { what: 'nothing but dots', name: '...' },
  { what: 'what a shell would expand', name: '*?$(id)`~' },
  { what: 'a URL’s own signs', name: '100%25&a=b#c' },
  { what: '__proto__', name: '__proto__' },
];

const REFUSED = [
  { what: 'a newline', name: 'two\nlines' },
  { what: 'an escape', name: '\u001b[2J' },
  { what: 'NUL', name: 'nul\0' },
  { what: 'half a surrogate pair', name: '\ud83d' },
  { what: '256 bytes', name: 'x'.repeat(256) },
  { what: 'a slash', name: 'a/b' },
  { what: 'a backslash', name: 'a\\b' },
  { what: 'dots that climb', name: '..' },
];

export const faultNames = (): void => {
  describe('fault 14: names', () => {
    it('fault 14: odd names are kept byte for byte, twins apart, from upload to listing to download to removal', async (test) => {
      const { server, client, local } = await startScene(test);
      for (const { what, name } of NAMES) {
        await writeFile(join(local, 'file'), what);
        await lastValueFrom(client.upload(join(local, 'file'), [name]));
      }
      const entries = await lastValueFrom(client.list([]).pipe(toArray()));
      assert.deepEqual(entries.map(({ name }) => name).sort(), NAMES.map(({ name }) => name).sort());
      for (const { what, name } of NAMES) {
        assert.equal(await readFile(join(server.root, name), 'utf8'), what);
        await client.move([name], [`${name.slice(0, 60)}.moved`]);
        await client.move([`${name.slice(0, 60)}.moved`], [name]);
        assert.equal((await client.stat([name])).name, name);
        await lastValueFrom(client.download([name], join(local, name)));
        assert.equal(await readFile(join(local, name), 'utf8'), what);
        await client.remove([name]);
      }
      assert.deepEqual(await lastValueFrom(client.list([]).pipe(toArray())), []);
    });

    for (const { what, name } of REFUSED)
      it(`fault 14: a name with ${what} is refused before anything is touched`, async (test) => {
        const { client, local } = await startScene(test);
        await writeFile(join(local, 'file'), 'x');
        await failsWith('PATH_INVALID', lastValueFrom(client.upload(join(local, 'file'), [name])));
        await failsWith('PATH_INVALID', client.stat([name]));
        await failsWith('PATH_INVALID', client.makeFolder([name]));
      });

    it('fault 14: a name that is not UTF-8 hides itself and nothing else', async (test) => {
      const { server, client } = await startScene(test);
      await writeFile(Buffer.concat([Buffer.from(`${server.root}/`), Buffer.from([0x66, 0xff, 0xfe])]), '');
      await writeFile(join(server.root, 'fine'), '');
      const entries = await lastValueFrom(client.list([]).pipe(toArray()));
      assert.deepEqual(
        entries.map(({ name }) => name),
        ['fine'],
      );
    });
  });
};
