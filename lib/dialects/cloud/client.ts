import { EMPTY, type Observable, catchError, concat, defer, ignoreElements, map, mergeMap, of, tap } from 'rxjs';
import { ProtocolError } from '../../errors/errors.ts';
import { type MessageForm, SILENCE_STEP_MS } from '../../net/take-message.ts';
import type { RemotePath } from '../../protocol/path.ts';
import {
  type ClientTalk,
  PURPOSE,
  assertPlainUpload,
  classicClient,
  receiveDownload,
  sendUpload,
  sizeOf,
  takeInTime,
  unsupported,
} from '../classic/client.ts';
import { exactly, rawEncoder, receiveContent } from '../classic/content.ts';
import { decodeText } from '../classic/forms.ts';
import { type Line, pause, sayApart } from '../classic/line.ts';
import { MAX_LISTING, listingReply, parseListing } from '../classic/listing.ts';
import { saidError } from '../classic/remote-text.ts';
import type { ClientContext } from '../dialect.ts';
import type { Command, Download, Reply, Upload } from '../session.ts';
import { PART_MS } from './parts.ts';
import { findSize } from './sized-header.ts';

/** Commands, replies and contents on one connection, without any marks between them. */
export const cloudClient = classicClient((line, context) => new CloudTalk(line, context));

/** One session, and the folder in which it stands on the server: only names in that one can be said. */
class CloudTalk implements ClientTalk {
  readonly #line: Line;
  readonly #timeoutMs: number;
  #folder: RemotePath = [];

  constructor(line: Line, { timeoutMs }: ClientContext) {
    this.#line = line;
    this.#timeoutMs = timeoutMs;
  }

  greeting(): Observable<never> {
    return this.#reply(/^OK@/);
  }

  /** Goes back first: some servers have one folder for all sessions to stand in. */
  quit(): Observable<never> {
    const home$ = this.#enter([]).pipe(catchError(() => EMPTY));
    return concat(home$, this.#ask('DISCONNECT', /^DISCONNECTED@|^$/));
  }

  execute(command: Command): Observable<Reply> {
    switch (command.type) {
      case 'list':
        return concat(this.#enter(command.path), this.#list());
      case 'download':
        return concat(this.#enterAround(command.path), this.#download(command));
      case 'upload':
        assertPlainUpload('cloud', command);
        return concat(this.#enterAround(command.path), this.#upload(command, sizeOf('cloud', command)));
      case 'remove':
        return this.#change(command.path, (name) => `DELETE ${name}`, /^OK@File Deleted/);
      case 'makeFolder':
        return this.#change(command.path, (name) => `MKDIR ${name}`, / created$/);
      case 'removeFolder':
        if (command.recursive) throw unsupported('cloud', 'remove a folder with what is in it');
        return this.#change(command.path, (name) => `RMDIR ${name}`, / deleted$/);
      case 'move':
        return this.#change(command.from, (name) => `MOVE ${name} ${pathFrom(command.from, command.to)}`, / moved to /);
      default:
        throw unsupported('cloud', PURPOSE[command.type]);
    }
  }

  #list(): Observable<Reply> {
    return concat(this.#line.say('DIR'), takeInTime(this.#line, aBurst, this.#timeoutMs)).pipe(
      map((text) => {
        if (!text.startsWith('OK@')) throw saidError(text);
        const names = text.slice('OK@'.length);
        return /^Directory emp(t)?y$/.test(names) ? [] : parseListing(names);
      }),
      mergeMap(listingReply),
    );
  }

  #download(download: Download): Observable<Reply> {
    const line = this.#line;
    return concat(line.say(`DOWNLOAD ${nameOf(download.path)}`), takeInTime(line, aDownload, this.#timeoutMs)).pipe(
      mergeMap((answer) => {
        if (typeof answer === 'string') throw saidError(answer.replace(/^(OK)?OK@/, ''));
        const kept$ = concat(line.say('complete'), this.#reply(/^OK@/));
        let last: Reply | undefined;
        return concat(
          receiveDownload(download, receiveContent(line, exactly(answer.size)), answer).pipe(
            // Its end is told when the server has no more to say.
            mergeMap((reply) => (reply.type === 'progress' ? of(reply) : ((last = reply), EMPTY))),
          ),
          kept$,
          defer(() => of(last as Reply)),
        );
      }),
    );
  }

  #upload(upload: Upload, size: number): Observable<Reply> {
    const line = this.#line;
    return concat(
      sayApart(line, ['UPLOAD', `${nameOf(upload.path)} ${size}`], PART_MS),
      pause(PART_MS),
      sendUpload(upload, line, rawEncoder, this.#reply(/^OK@File uploaded/)),
    );
  }

  #change(path: RemotePath, words: (name: string) => string, done: RegExp): Observable<Reply> {
    const text = words(nameOf(path));
    return concat(this.#enterAround(path), this.#ask(text, done), of<Reply>({ type: 'done' }));
  }

  #enterAround(path: RemotePath): Observable<never> {
    return this.#enter(path.slice(0, -1));
  }

  /** Goes to a folder, step by step from where the server stands. */
  #enter(path: RemotePath): Observable<never> {
    return defer(() => {
      const common = path.findIndex((name, index) => name !== this.#folder[index]);
      const shared = common < 0 ? path.length : common;
      const up = this.#folder.slice(shared).map(() => this.#step('..', (folder) => folder.slice(0, -1)));
      const down = path.slice(shared).map((name) => this.#step(nameOf([name]), (folder) => [...folder, name]));
      return concat(...up, ...down);
    });
  }

  #step(name: string, after: (folder: RemotePath) => RemotePath): Observable<never> {
    return this.#ask(`CHDIR ${name}`, /^OK@Directory changed/).pipe(
      tap({ complete: () => (this.#folder = after(this.#folder)) }),
    );
  }

  #ask(words: string, expected: RegExp): Observable<never> {
    return concat(this.#line.say(words), this.#reply(expected));
  }

  #reply(expected: RegExp): Observable<never> {
    return takeInTime(this.#line, aBurst, this.#timeoutMs).pipe(
      tap((text) => {
        if (!expected.test(text)) throw saidError(text.replace(/^(OK|DISCONNECTED)@/, ''), 'WRITE_FAILED');
      }),
      ignoreElements(),
    );
  }
}

// A reply may be longer than a segment, and then the next one may be a moment late.
const REPLY_SILENCE_MS = 2 * SILENCE_STEP_MS;

/** What came until the server fell silent, line ends included. */
const aBurst: MessageForm<string> = {
  endsInSilence: true,
  find: (received, silentMs) => {
    if (received.length > MAX_LISTING) throw new ProtocolError('MESSAGE_INVALID', 'the reply is too long');
    return silentMs < REPLY_SILENCE_MS ? undefined : { value: decodeText(received), length: received.length };
  },
};

const DOWNLOAD = 'download';

/** The size of a file that comes, or the words for why none does. */
const aDownload: MessageForm<{ readonly size: number } | string> = {
  endsInSilence: true,
  find: (received, silentMs) => {
    const start = received.toString('latin1', 0, DOWNLOAD.length);
    if (start === DOWNLOAD) {
      const size = findSize(received, DOWNLOAD.length, silentMs);
      return size && { value: { size: size.value }, length: size.length };
    }
    // "OK" alone is the first part of two.
    return DOWNLOAD.startsWith(start) || start === 'OK' ? undefined : aBurst.find(received, silentMs);
  },
};

/** The last name of a path, as one word of a command. */
const nameOf = (path: RemotePath): string => {
  const name = path.at(-1) ?? '';
  if (/[\s@]/.test(name)) throw unsupported('cloud', `carry a name with blanks or @ ("${name}")`);
  return name;
};

/** A path as it is said in the folder of another one. */
const pathFrom = (from: RemotePath, to: RemotePath): string => {
  const folder = from.slice(0, -1);
  const rest = to.slice(folder.length);
  if (rest.length === 0 || folder.some((name, index) => name !== to[index]))
    throw unsupported('cloud', 'move a file to a folder that is not below its own');
  return rest.map((name) => nameOf([name])).join('/');
};
