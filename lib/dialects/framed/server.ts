import { EMPTY, type Observable, catchError, defer, map, mergeMap, of, throwError } from 'rxjs';
import { sluiceError } from '../../errors/from-system.ts';
import { frameForm } from '../../net/take-frame.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import { receiveContent, sayContent, sendContent } from '../classic/content.ts';
import { ownPorts } from '../classic/data-connection.ts';
import { MAX_TEXT, decodeText, understood } from '../classic/forms.ts';
import { type Line, within } from '../classic/line.ts';
import { nameLines, namesOf } from '../classic/listing.ts';
import { parsePath } from '../classic/path-text.ts';
import { withAwaitedData } from '../classic/server-data.ts';
import { stillThere } from '../classic/still-there.ts';
import { ClassicServer, type ServerTalk, type ServerTurn } from '../classic/server.ts';
import { listenForData } from '../data-ports.ts';
import type { OpenServerDialect } from '../dialect.ts';
import { framedDecoder, framedEncoder } from './content.ts';

const aText = understood(frameForm(MAX_TEXT), decodeText);

/** Every message and every content in frames of ten digits; data connections that the server waits for. */
export const framedServer: OpenServerDialect = (context) =>
  defer(() => {
    const ports = ownPorts('framed', context.dataPorts);
    const talk = (turn: ServerTurn): ServerTalk<string> => {
      const excuse = (message: string) => turn.line.say(encodeFrame(`error ${message}`));
      const data = {
        listener$: listenForData(context.host, ports),
        announce: (port: number) => turn.line.say(encodeFrame(String(port))),
        excuse,
      };
      return {
        form: aText,
        answer: (command) => {
          if (/^(quit|exit)\s*$/i.test(command)) return undefined;
          const use = dataPartOf(command, turn);
          return use ? withAwaitedData(turn, data, use) : excuse('unknown command');
        },
      };
    };
    return of(() => new ClassicServer({ talk, refusal: ({ message }) => encodeFrame(`error ${message}`) }, context));
  });

/** What a command does on its data connection; nothing if there is no such command. */
const dataPartOf = (command: string, turn: ServerTurn): ((data: Line) => Observable<unknown>) | undefined => {
  const [, word = '', name = ''] = /^(\w+) ?(.*)$/s.exec(command) ?? [];
  // Some clients say the name with the command, the others on the data connection.
  const nameFrom = (data: Line): Observable<string> =>
    name === '' ? data.take(aText).pipe(within(data.stallMs)) : of(name);
  switch (word.toLowerCase()) {
    case 'ls':
      return (data) => list(turn, data, name);
    case 'get':
      return (data) => nameFrom(data).pipe(mergeMap((file) => send(turn, data, file)));
    case 'put':
      return (data) => nameFrom(data).pipe(mergeMap((file) => receive(turn, data, file)));
    default:
      return undefined;
  }
};

const list = ({ session }: ServerTurn, data: Line, folder: string): Observable<unknown> =>
  defer(() => session.execute({ type: 'list', path: folder === '' ? [] : parsePath(folder) })).pipe(
    mergeMap(namesOf),
    map(nameLines),
    catchError((error: unknown) => of(`Error: ${sluiceError(error).message}\n`)),
    mergeMap((text) => sayContent(data, framedEncoder(Buffer.byteLength(text)), text)),
  );

/** The only word for a failure is no frame at all; where content is on its way, a connection that breaks. */
const send = ({ session }: ServerTurn, data: Line, name: string): Observable<unknown> => {
  let isSending = false;
  const to = ({ size }: { readonly size?: number | undefined }) => {
    isSending = true;
    return sendContent(data, framedEncoder(size));
  };
  return defer(() => session.execute({ type: 'download', path: parsePath(name), to })).pipe(
    catchError((error: unknown) => (isSending ? throwError(() => error) : EMPTY)),
  );
};

/**
 * A name that is there already is refused: that is what the dialect's text says. Some clients send an empty file as
 * nothing at all; one that dies before its first frame looks the same, but for its control connection.
 */
const receive = ({ session, line }: ServerTurn, data: Line, name: string): Observable<unknown> => {
  const decoder = framedDecoder(() => undefined);
  const meant$ = defer(() => (decoder.hasBegun ? EMPTY : stillThere(line)));
  const from = () => receiveContent(data, decoder, { meant$ });
  return session.execute({ type: 'upload', path: parsePath(name), from, overwrite: 'refuse' });
};
