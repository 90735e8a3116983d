import { EMPTY, type Observable, catchError, defer, map, mergeMap, of, tap } from 'rxjs';
import { sluiceError } from '../../errors/from-system.ts';
import { receiveContent, sayContent, sendContent } from '../classic/content.ts';
import { ownPorts } from '../classic/data-connection.ts';
import { anArrival, anything } from '../classic/forms.ts';
import type { Line } from '../classic/line.ts';
import { nameLines, namesOf } from '../classic/listing.ts';
import { parsePath } from '../classic/path-text.ts';
import { withAwaitedData } from '../classic/server-data.ts';
import { ClassicServer, type ServerTalk, type ServerTurn } from '../classic/server.ts';
import { listenForData } from '../data-ports.ts';
import type { OpenServerDialect } from '../dialect.ts';
import { NO_FILE, WordsDecoder, wordsEncoder } from './content.ts';

// What the reader of a frame needs before the next one comes.
const FRAME_PAUSE_MS = 1;

/** Bare words on the control connection; frames of 1024 bytes on data connections that the server waits for. */
export const wordsServer: OpenServerDialect = (context) =>
  defer(() => {
    const ports = ownPorts('words', context.dataPorts);
    const talk = (turn: ServerTurn): ServerTalk<string> => {
      const { line } = turn;
      const excuse = (message: string) => line.say(`Error: ${message}\n`);
      const data = {
        listener$: listenForData(context.host, ports),
        announce: (port: number) => line.say(String(port)),
        excuse,
      };
      return {
        form: anArrival,
        answer: (command) => {
          if (/^quit *$/i.test(command)) return undefined;
          const use = dataPartOf(command, turn);
          return use ? withAwaitedData(turn, data, use) : excuse('unknown command');
        },
      };
    };
    return of(() => new ClassicServer({ talk, refusal: ({ message }) => `Error: ${message}\n` }, context));
  });

/** What a command does on its data connection; nothing if there is no such command. */
const dataPartOf = (command: string, turn: ServerTurn): ((data: Line) => Observable<unknown>) | undefined => {
  const [, word = '', name = ''] = /^(\w+) ?(.*)$/s.exec(command) ?? [];
  switch (word.toLowerCase()) {
    case 'ls':
      return (data) => list(turn, data, name);
    case 'get':
      return (data) => send(turn, data, name);
    case 'put':
      return (data) => receive(turn, data, name);
    default:
      return undefined;
  }
};

const list = ({ session }: ServerTurn, data: Line, folder: string): Observable<unknown> =>
  defer(() => session.execute({ type: 'list', path: folder === '' ? [] : parsePath(folder) })).pipe(
    mergeMap(namesOf),
    map(nameLines),
    catchError((error: unknown) => of(`Error: ${sluiceError(error).message}\n`)),
    mergeMap((text) => sayContent(data, wordsEncoder(FRAME_PAUSE_MS), text)),
  );

const send = ({ session }: ServerTurn, data: Line, name: string): Observable<unknown> => {
  let isSending = false;
  const to = () => {
    isSending = true;
    return sendContent(data, wordsEncoder(FRAME_PAUSE_MS));
  };
  return defer(() => session.execute({ type: 'download', path: parsePath(name), to })).pipe(
    catchError((error: unknown) => {
      // Once content was on its way the connection is reset, and there is nothing more to say.
      if (isSending) return EMPTY;
      const { code, message } = sluiceError(error);
      return data.say(code === 'NOT_FOUND' ? NO_FILE : `Error: ${message}\n`);
    }),
  );
};

const receive = ({ session, line, context: { limits } }: ServerTurn, data: Line, name: string): Observable<unknown> => {
  const decoder = new WordsDecoder();
  const from = () =>
    receiveContent(data, decoder, {
      // Some clients end a file of whole frames by their next command, whenever its user gives one.
      over$: line.take(anything).pipe(tap(() => decoder.peerWentOn())),
      silenceMs: () => (decoder.mayBeOver ? limits.idleMs : limits.stallMs),
    });
  return defer(() => session.execute({ type: 'upload', path: parsePath(name), from }));
};
