import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { LocalFolderStore } from '../../lib/store/local-folder.ts';
import { pattern } from './collect.ts';
import { fillPart, keeping } from './kept-part.ts';

/** A process that has begun a part and still writes to it. */
export interface PartOwnerProcess {
  /** Ends it as a crash would. */
  crash(): Promise<void>;
}

/** Has another process begin a part for a content of `pattern(size)`, and write its first `bytes`. */
export const startPartOwner = async (
  test: TestContext,
  root: string,
  name: string,
  { size, bytes }: { readonly size: number; readonly bytes: number },
): Promise<PartOwnerProcess> => {
  const words = [import.meta.filename, root, name, String(size), String(bytes)];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'close');
  const crash = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  test.after(crash);
  await once(child.stdout, 'data');
  return { crash };
};

/** What the other process does, until it is killed or this one is gone. */
const ownPart = async ([root = '', name = '', size, bytes]: readonly string[]): Promise<void> => {
  const store = await LocalFolderStore.open(root);
  const content = pattern(Number(size));
  const part = await store.begin([name], { keep: keeping(content) });
  await fillPart(part, content.subarray(0, Number(bytes)));
  process.stdout.write('ready');
  process.stdin.resume();
};

if (process.argv[1] === import.meta.filename) await ownPart(process.argv.slice(2));
