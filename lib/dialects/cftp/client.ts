import {
  EMPTY,
  type Observable,
  ReplaySubject,
  catchError,
  concat,
  defer,
  filter,
  ignoreElements,
  map,
  merge,
  mergeMap,
  of,
  share,
  tap,
  throwError,
  throwIfEmpty,
} from 'rxjs';
import { FileError, ProtocolError } from '../../errors/errors.ts';
import type { MessageForm } from '../../net/take-message.ts';
import type { RemotePath } from '../../protocol/path.ts';
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
import { receiveContent, withLine } from '../classic/content.ts';
import { awaitData } from '../classic/data-connection.ts';
import { aLine, decodeText } from '../classic/forms.ts';
import { Line, connectionLost, within } from '../classic/line.ts';
import { MAX_LISTING, listingReply, parseListingOrError } from '../classic/listing.ts';
import { pathText } from '../classic/path-text.ts';
import { saidError } from '../classic/remote-text.ts';
import { listenForData } from '../data-ports.ts';
import type { ClientContext } from '../dialect.ts';
import type { Command, Reply } from '../session.ts';
import { cftpDecoder, cftpEncoder } from './content.ts';

/** Commands that name the port on which this side waits; content with `END` and an MD5 behind it. */
export const cftpClient = classicClient((line, context) => ({
  execute: (command) => execute(command, line, context),
  quit: () => line.say('quit'),
}));

const execute = (command: Command, line: Line, context: ClientContext): Observable<Reply> => {
  switch (command.type) {
    case 'list':
      return concat(
        line.say(['ls', ...command.path.slice(0, 1).map(() => word(command.path))].join(' ')),
        takeInTime(line, aListing, context.timeoutMs),
      ).pipe(map(parseListingOrError), mergeMap(listingReply));
    case 'download':
      return transfer(`get ${word(command.path)}`, line, context, (data) =>
        receiveDownload(command, receiveContent(data, cftpDecoder()), { isVerified: true }),
      );
    case 'upload':
      assertPlainUpload('cftp', command);
      return transfer(`put ${word(command.path)}`, line, context, (data) =>
        sendUpload(command, data, cftpEncoder({ apart: true }), endUpload(data, context.timeoutMs), {
          digestSent: true,
        }).pipe(refusedWhereBroken()),
      );
    default:
      throw unsupported('cftp', PURPOSE[command.type]);
  }
};

/** Waits for the server's data connection, and takes its word on the control connection for how it went. */
const transfer = (
  words: string,
  line: Line,
  { timeoutMs }: ClientContext,
  use: (data: Line) => Observable<Reply>,
): Observable<Reply> =>
  defer(() => {
    let failure: unknown;
    let outcome: Reply | undefined;
    const listener$ = listenForData(line.ownAddress, 'ephemeral');
    const data$ = awaitData(listener$, line.peer, timeoutMs, (port) => line.say(`${words} ${port}`)).pipe(
      map((socket) => new Line(socket, line.stallMs)),
    );
    const moved$ = withLine(data$, use).pipe(
      tap((reply) => (outcome = reply)),
      filter(({ type }) => type === 'progress'),
      // The server still has its say, which belongs to this command.
      catchError((error: unknown) => ((failure = error), EMPTY)),
    );
    const status$ = line.take(aLine).pipe(
      throwIfEmpty(() => connectionLost()),
      map((text) => {
        if (!/success/i.test(text)) throw failure instanceof FileError ? failure : saidError(text);
      }),
      share({ connector: () => new ReplaySubject(1), resetOnComplete: false }),
    );
    const inTime$ = status$.pipe(within(timeoutMs));
    return concat(
      merge(concat(moved$, inTime$.pipe(ignoreElements())), status$.pipe(ignoreElements())),
      defer(() => (failure === undefined ? of(outcome as Reply) : throwError(() => failure))),
    );
  });

/** A name as one word of a command. */
const word = (path: RemotePath): string => {
  const text = pathText(path);
  if (/\s/.test(text)) throw unsupported('cftp', `carry a name with blanks ("${text}")`);
  return text;
};

const MARK = 'END_OF_LS';

/** Names, the mark behind them, and a line that says that this was all; or a line that says why there are none. */
const aListing: MessageForm<string> = {
  endsInSilence: true,
  find: (received, silentMs) => {
    const mark = received.indexOf(MARK);
    if (mark < 0) {
      if (received.length > MAX_LISTING) throw new ProtocolError('MESSAGE_INVALID', 'the listing is too long');
      return silentMs > 0 && /^Error: .*\n$/.test(received.toString('latin1', 0, 4096))
        ? { value: decodeText(received), length: received.length }
        : undefined;
    }
    const end = received.indexOf('\n', mark);
    return end < 0 ? undefined : { value: decodeText(received.subarray(0, mark)), length: end + 1 };
  },
};
