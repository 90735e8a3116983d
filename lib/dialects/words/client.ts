import { type Observable, concat, map, mergeMap } from 'rxjs';
import {
  PURPOSE,
  assertPlainUpload,
  classicClient,
  endUpload,
  receiveDownload,
  refusedWhereBroken,
  sendUpload,
  takeInTime,
  unsupported,
} from '../classic/client.ts';
import { stillThere } from '../classic/still-there.ts';
import { receiveContent, receiveText, withLine } from '../classic/content.ts';
import { dialData, parsePort } from '../classic/data-connection.ts';
import { anArrival } from '../classic/forms.ts';
import { Line } from '../classic/line.ts';
import { listingReply, parseListingOrError } from '../classic/listing.ts';
import { pathText } from '../classic/path-text.ts';
import { saidError } from '../classic/remote-text.ts';
import type { MessageForm } from '../../net/take-message.ts';
import type { ClientContext } from '../dialect.ts';
import type { Command, Reply } from '../session.ts';
import { WordsDecoder, wordsEncoder } from './content.ts';

// A server's one read for one frame takes a little longer than a client's.
const FRAME_PAUSE_MS = 2;

/** Bare words on the control connection; frames of 1024 bytes on data connections to the server. */
export const wordsClient = classicClient((line, context) => ({
  execute: (command) => execute(command, line, context),
  quit: () => line.say('quit'),
}));

const execute = (command: Command, line: Line, context: ClientContext): Observable<Reply> => {
  const withData = (words: string, use: (data: Line) => Observable<Reply>) =>
    withLine(openData(words, line, context), use);
  switch (command.type) {
    case 'list':
      return withData(['ls', ...command.path.slice(0, 1).map(() => pathText(command.path))].join(' '), list);
    case 'download':
      return withData(`get ${pathText(command.path)}`, (data) =>
        receiveDownload(
          command,
          receiveContent(data, new WordsDecoder({ mayBeEmpty: true }), { meant$: stillThere(line) }),
        ),
      );
    case 'upload':
      assertPlainUpload('words', command);
      return withData(`put ${pathText(command.path)}`, (data) =>
        sendUpload(command, data, wordsEncoder(FRAME_PAUSE_MS), endUpload(data, context.timeoutMs)).pipe(
          refusedWhereBroken(),
        ),
      );
    default:
      throw unsupported('words', PURPOSE[command.type]);
  }
};

/** Says a command, and goes where the server then waits. */
const openData = (words: string, line: Line, { timeoutMs }: ClientContext): Observable<Line> =>
  concat(line.say(words), takeInTime(line, aPort, timeoutMs)).pipe(
    map((reply) => {
      if (/^error/i.test(reply)) throw saidError(reply);
      return parsePort(reply.trim());
    }),
    mergeMap((port) => dialData(line.peer, port, timeoutMs)),
    map((socket) => new Line(socket, line.stallMs)),
  );

// With an end of line of the reply before it.
const MAX_PORT_REPLY = 7;

// Five digits cannot go on, so nobody has to wait for silence behind them.
const aPort: MessageForm<string> = {
  ...anArrival,
  find: (received, silentMs) => {
    const [port] = /^\s*\d{5}/.exec(received.toString('latin1', 0, MAX_PORT_REPLY)) ?? [];
    return port === undefined ? anArrival.find(received, silentMs) : { value: port, length: port.length };
  },
};

const list = (data: Line): Observable<Reply> =>
  receiveText(data, new WordsDecoder()).pipe(map(parseListingOrError), mergeMap(listingReply));
