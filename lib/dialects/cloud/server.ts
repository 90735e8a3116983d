import {
  type Observable,
  catchError,
  concat,
  defer,
  ignoreElements,
  map,
  mergeMap,
  of,
  throwError,
  throwIfEmpty,
} from 'rxjs';
import { FileError, ProtocolError, SluiceError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import type { MessageForm } from '../../net/take-message.ts';
import { type RemotePath, formatPath } from '../../protocol/path.ts';
import type { Sink } from '../../streams/flow.ts';
import { pump } from '../../streams/pump.ts';
import { toNothing } from '../../streams/to-nothing.ts';
import { exactly, rawEncoder, receiveContent, sendContent } from '../classic/content.ts';
import { MAX_TEXT, anArrival, decodeText } from '../classic/forms.ts';
import { type Line, connectionLost, pause, sayApart, within } from '../classic/line.ts';
import { namesOf } from '../classic/listing.ts';
import { parsePath } from '../classic/path-text.ts';
import { ClassicServer, type ServerTalk, type ServerTurn } from '../classic/server.ts';
import type { OpenServerDialect } from '../dialect.ts';
import type { Command } from '../session.ts';
import { PART_MS } from './parts.ts';
import { findSize } from './sized-header.ts';

// A content that is not wanted is read away up to this size, for only then does its sender read the answer.
const MAX_UNWANTED = 64 * 1024 * 1024;

/** Commands, replies and contents on one connection, without any marks between them. */
export const cloudServer: OpenServerDialect = (context) =>
  of(() => new ClassicServer({ talk, refusal: ({ message }) => `DISCONNECTED@${plain(message)}` }, context));

const talk = (turn: ServerTurn): ServerTalk<string> => {
  const folder = new CloudFolder(turn);
  return {
    greeting: 'OK@Welcome to the server',
    farewell: 'DISCONNECTED@Disconnected',
    form: aCommand,
    answer: (text) => (text === 'DISCONNECT' ? undefined : folder.answer(text)),
  };
};

const UPLOAD = 'UPLOAD';

/** A command; what comes behind the word for an upload is another message, though often in the same segment. */
const aCommand: MessageForm<string> = {
  ...anArrival,
  find: (received, silentMs) =>
    received.toString('latin1', 0, UPLOAD.length) === UPLOAD
      ? { value: UPLOAD, length: UPLOAD.length }
      : anArrival.find(received, silentMs),
};

/** A text as it may stand in a reply, of which clients want just one such sign. */
const plain = (text: string): string => text.replaceAll('@', '?');

/** One client's conversation, in the folder where it stands. */
class CloudFolder {
  readonly #turn: ServerTurn;
  #path: RemotePath = [];

  constructor(turn: ServerTurn) {
    this.#turn = turn;
  }

  answer(text: string): Observable<never> {
    const words = text.trim().split(/ +/);
    const [name = '', target = ''] = words.slice(1);
    const known = COMMANDS[words[0] ?? ''];
    if (known !== words.length - 1) return this.#ok('Unknown command');
    return defer(() => this.#perform(words[0] ?? '', name, target)).pipe(
      catchError((error: unknown) => {
        // Where the connection itself is lost, there is nobody to be told.
        if (!this.#turn.line.socket.writable) return throwError(() => error);
        return this.#ok(`Error occurred: ${sluiceError(error).message}`);
      }),
    );
  }

  #perform(word: string, name: string, target: string): Observable<never> {
    switch (word) {
      case 'DIR':
        return this.#turn.session.execute({ type: 'list', path: this.#path }).pipe(
          mergeMap(namesOf),
          // A name that no reply can carry is left out.
          map((names) => names.filter((entry) => !entry.includes('@')).join('\n')),
          mergeMap((names) => this.#ok(names === '' ? 'Directory empty' : names)),
        );
      case 'MKDIR':
        return this.#change({ type: 'makeFolder', path: this.#at(name) }, `${name} file created`);
      case 'RMDIR':
        return this.#change(
          { type: 'removeFolder', path: this.#at(name), recursive: false },
          `${name} file deleted`,
        ).pipe(
          catchError((error: unknown) =>
            isOneOf(error, ['NOT_FOUND', 'FOLDER_NOT_EMPTY'])
              ? this.#ok(`Either ${name} does not exist or ${name} is not empty`)
              : throwError(() => error),
          ),
        );
      case 'DELETE':
        return this.#change({ type: 'remove', path: this.#at(name) }, 'File Deleted').pipe(
          catchError((error: unknown) =>
            isOneOf(error, ['NOT_FOUND']) ? this.#ok('File does not exist') : throwError(() => error),
          ),
        );
      case 'MOVE':
        return this.#change(
          { type: 'move', from: this.#at(name), to: this.#folderAt(target) },
          `${name} moved to ${target}`,
        );
      case 'CHDIR':
        return this.#enter(this.#folderAt(name));
      case 'UPLOAD':
        return this.#receive();
      default:
        return this.#send(name);
    }
  }

  #ok(text: string): Observable<never> {
    return this.#turn.line.say(`OK@${plain(text)}`);
  }

  #change(command: Command, done: string): Observable<never> {
    return concat(this.#turn.session.execute(command).pipe(ignoreElements()), this.#ok(done));
  }

  #at(name: string): RemotePath {
    return [...this.#path, ...parsePath(name)];
  }

  /** A folder by its name from here; `..` is the one above, up to the root. */
  #folderAt(name: string): RemotePath {
    if (name === '/') return [];
    return name === '..' ? this.#path.slice(0, -1) : this.#at(name);
  }

  #enter(path: RemotePath): Observable<never> {
    return this.#turn.session.execute({ type: 'stat', path }).pipe(
      mergeMap((reply) => {
        if (reply.type === 'entry' && reply.entry.kind !== 'folder')
          throw new FileError('NOT_A_FOLDER', `${formatPath(path)}: is not a folder`);
        this.#path = path;
        return this.#ok(`Directory changed to ${formatPath(path)}`);
      }),
    );
  }

  #receive(): Observable<never> {
    const { line, session, context } = this.#turn;
    return line.take(anUploadHeader).pipe(
      within(context.limits.idleMs),
      throwIfEmpty(() => connectionLost()),
      mergeMap(({ name, size }) => {
        let isRead = false;
        const from = () => {
          isRead = true;
          return receiveContent(line, exactly(size));
        };
        // Of a path the last name counts, as these servers have it.
        const path = () => this.#at(name.split('/').at(-1) ?? '');
        return defer(() => session.execute({ type: 'upload', path: path(), from, size })).pipe(
          ignoreElements(),
          catchError((error: unknown) =>
            concat(
              isRead ? [] : readAway(line, size),
              throwError(() => error),
            ),
          ),
        );
      }),
      (received$) => concat(received$, this.#ok('File uploaded')),
    );
  }

  #send(name: string): Observable<never> {
    const { line, session } = this.#turn;
    let isSending = false;
    const to =
      ({ size = 0 }: { readonly size?: number | undefined }): Sink =>
      (valve) =>
      (bytes$) => {
        isSending = true;
        return concat(
          sayApart(line, ['download', String(size)], PART_MS),
          pause(PART_MS),
          bytes$.pipe(sendContent(line, rawEncoder)(valve)),
          line.take(anArrival).pipe(within(line.stallMs), map(assertComplete), ignoreElements()),
        );
      };
    return concat(
      defer(() => session.execute({ type: 'download', path: this.#at(name), to })).pipe(ignoreElements()),
      this.#ok('Download complete'),
    ).pipe(
      catchError((error: unknown) => {
        if (isSending) return throwError(() => error);
        const { code, message } = sluiceError(error);
        const reason = code === 'NOT_FOUND' ? `${name} does not exist` : message;
        return sayApart(line, ['OK', `OK@${plain(reason)}`], PART_MS);
      }),
    );
  }
}

/** How many words belong to each command behind its own. */
const COMMANDS: Readonly<Record<string, number>> = {
  DIR: 0,
  MKDIR: 1,
  RMDIR: 1,
  CHDIR: 1,
  MOVE: 2,
  DELETE: 1,
  UPLOAD: 0,
  DOWNLOAD: 1,
};

interface UploadHeader {
  readonly name: string;
  readonly size: number;
}

const anUploadHeader: MessageForm<UploadHeader> = {
  endsInSilence: true,
  find: (received, silentMs) => {
    const [start, name] = /^\s*(\S+) +/.exec(received.toString('latin1', 0, MAX_TEXT)) ?? [];
    if (start === undefined || name === undefined) {
      if (received.length < MAX_TEXT) return undefined;
      throw new ProtocolError('MESSAGE_INVALID', 'there is no name where one belongs');
    }
    const size = findSize(received, start.length, silentMs);
    return size && { value: { name: decodeText(Buffer.from(name, 'latin1')), size: size.value }, length: size.length };
  },
};

/** Reads a content that is not wanted; one that is too large ends the session. */
const readAway = (line: Line, size: number): Observable<never> => {
  if (size > MAX_UNWANTED) line.reset();
  return pump(receiveContent(line, exactly(size)), toNothing()).pipe(ignoreElements());
};

const assertComplete = (text: string): void => {
  if (!text.startsWith('complete'))
    throw new ProtocolError('STATE_UNEXPECTED', `the client answered a download with ${JSON.stringify(text)}`);
};

const isOneOf = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof SluiceError && codes.includes(error.code);
