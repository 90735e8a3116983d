import {
  type Entry,
  type OpenFile,
  type Part,
  type PartOptions,
  type Store,
  UnsupportedError,
} from '../../lib/index.ts';

/** What a test wants of a store; everything else is unsupported. */
export interface StubStoreOptions {
  readonly open?: (path: readonly string[]) => Promise<OpenFile>;
  readonly begin?: (path: readonly string[], options: PartOptions) => Promise<Part>;
  readonly stat?: (path: readonly string[]) => Promise<Entry>;
}

const unsupported = (): Promise<never> => Promise.reject(new UnsupportedError('not in this test'));

/** A store that does what the test says. */
export const stubStore = ({
  open = unsupported,
  begin = unsupported,
  stat = unsupported,
}: StubStoreOptions): Store => ({
  open,
  begin,
  stat,
  // eslint-disable-next-line require-yield -- a folder without entries
  list: async function* () {
    await unsupported();
  },
  remove: unsupported,
  makeFolder: unsupported,
  removeFolder: unsupported,
  move: unsupported,
  space: unsupported,
});

/** An entry of a file. */
export const fileEntry = (name: string, size: number): Entry => ({
  name,
  kind: 'file',
  size,
  modified: 0,
  mode: 0o644,
});

/** A part that gives what it takes to a sink, and whose end is told. */
export const stubPart = (
  content: Part['content'],
  { commit = () => undefined, discard = () => undefined }: { commit?: () => void; discard?: () => void } = {},
): Part => {
  const settled = (act: () => void) => () => {
    act();
    return Promise.resolve();
  };
  return { content, commit: settled(commit), discard: settled(discard), suspend: settled(discard) };
};
