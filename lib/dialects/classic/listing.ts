import { Observable, of } from 'rxjs';
import { LimitError, ProtocolError } from '../../errors/errors.ts';
import type { Entry } from '../../protocol/entry.ts';
import { checkSegment } from '../../protocol/path.ts';
import type { Reply } from '../session.ts';
import { saidError } from './remote-text.ts';

/** The longest listing, in bytes; it is held whole, because its length or its end comes with it. */
export const MAX_LISTING = 4 * 1024 * 1024;

/** The names of a listing, one after the other; errors with `TOO_MANY_REQUESTS` where they are too many to be held. */
export const namesOf = (reply: Reply): Observable<readonly string[]> =>
  new Observable((subscriber) => {
    if (reply.type !== 'listing') return subscriber.complete();
    const gather = async () => {
      const names: string[] = [];
      let bytes = 0;
      for await (const { name } of reply.entries) {
        if (subscriber.closed) return;
        bytes += Buffer.byteLength(name) + 1;
        if (bytes > MAX_LISTING)
          throw new LimitError('TOO_MANY_REQUESTS', `the folder has more than ${MAX_LISTING} bytes of names`);
        names.push(name);
      }
      subscriber.next(names);
      subscriber.complete();
    };
    gather().catch((error: unknown) => subscriber.error(error));
  });

/** Names of a folder, each on a line of its own. */
export const nameLines = (names: readonly string[]): string => names.map((name) => `${name}\n`).join('');

/**
 * The entries in a server's listing: lines with a name each, or what `ls -l` prints, with the command's exit status in
 * front of it or not. Names tell no size and no time, so these are not numbers. Throws `PATH_INVALID` for a name that
 * could lead elsewhere.
 */
export const parseListing = (text: string): Entry[] => {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const isLong = /^\d*total \d+$/.test(lines[0] ?? '');
  const entries = (isLong ? lines.slice(1) : lines).filter((line) => line !== '').map(isLong ? longEntry : nameEntry);
  for (const { name } of entries) checkSegment(name);
  return entries;
};

// The exit status of `ls`, glued to what it complains of or on a line of its own.
const SHELL_ERROR = /^[1-9]\d*\n?((?:\/bin\/)?(?:ls|sh): .*)/;

/** The same, for servers that have no other place for an error; throws what the server says. */
export const parseListingOrError = (text: string): Entry[] => {
  const [, said] = SHELL_ERROR.exec(text) ?? [];
  if (said !== undefined || /^Error: .*\n?$/.test(text)) throw saidError(said ?? text);
  return parseListing(text);
};

/** A listing reply whose entries are there already. */
export const listingReply = (entries: readonly Entry[]): Observable<Reply> =>
  of({ type: 'listing', entries: toAsync(entries) });

// eslint-disable-next-line @typescript-eslint/require-await -- a listing is read as if it came from afar
async function* toAsync(entries: readonly Entry[]): AsyncGenerator<Entry, void, undefined> {
  yield* entries;
}

const nameEntry = (name: string): Entry => ({ name, kind: 'file', size: NaN, modified: NaN, mode: 0 });

// Kind and permissions, links, owner, group, size, three words of time, name.
const LONG_LINE = /^([-a-z])[-a-zA-Z]{9}\S? +\d+ +\S+ +\S+ +(\d+) +\S+ +\S+ +\S+ (.+)$/;

const longEntry = (line: string): Entry => {
  const [, type, size, name] = LONG_LINE.exec(line) ?? [];
  if (name === undefined)
    throw new ProtocolError('MESSAGE_INVALID', `a line of the listing makes no sense: ${JSON.stringify(line)}`);
  const kind = type === '-' ? 'file' : type === 'd' ? 'folder' : type === 'l' ? 'link' : 'other';
  return { ...nameEntry(kind === 'link' ? (name.split(' -> ')[0] ?? name) : name), kind, size: Number(size) };
};
