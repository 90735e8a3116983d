import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, it } from 'node:test';

// Imports run one way: a file may import its own layer and those below it.
const LAYERS = [
  ['cli', 'bench'],
  ['lib/index'],
  ['lib/server', 'lib/client'],
  ['lib/session'],
  ['lib/dialects'],
  ['lib/transfer'],
  ['lib/store'],
  ['lib/net'],
  ['lib/operators'],
  ['lib/streams'],
  ['lib/protocol'],
  ['lib/errors', 'lib/version'],
];

const root = join(import.meta.dirname, '..', '..');

const sourceFiles = ['cli', 'bench', 'lib'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file)),
);

const layerOf = (file: string): { rank: number; name: string } => {
  const path = file.split(sep).join('/');
  const rank = LAYERS.findIndex((names) => names.some((name) => path.startsWith(`${name}/`) || path === `${name}.ts`));
  const name = LAYERS[rank]?.find((layer) => path.startsWith(layer)) ?? path;
  return { rank, name };
};

const importsOf = (file: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) =>
    relative(root, join(root, dirname(file), target)),
  );

describe('layers', () => {
  it('knows the layer of every source file', () => {
    assert.ok(sourceFiles.length > 30);
    assert.deepEqual(
      sourceFiles.filter((file) => layerOf(file).rank < 0),
      [],
    );
  });

  it('has imports that run downwards only', () => {
    const wrong = sourceFiles.flatMap((file) => {
      const from = layerOf(file);
      return importsOf(file)
        .map((target) => ({ target, to: layerOf(target) }))
        .filter(({ to }) => to.rank < from.rank || (to.rank === from.rank && to.name !== from.name))
        .map(({ target }) => `${file} -> ${target}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('lets the command line and the bench know nothing of the library but its index', () => {
    const wrong = sourceFiles
      .filter((file) => !file.startsWith('lib'))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => target.startsWith('lib') && target !== join('lib', 'index.ts'));
    assert.deepEqual(wrong, []);
  });
});
