import {
  EMPTY,
  type MonoTypeOperatorFunction,
  Observable,
  ReplaySubject,
  Subscription,
  catchError,
  concat,
  defer,
  map,
  of,
  tap,
  throwError,
  throwIfEmpty,
  timeout,
} from 'rxjs';
import { LimitError, RemoteError, SluiceError, TimeoutError, UnsupportedError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import type { MessageForm } from '../../net/take-message.ts';
import type { Source } from '../../streams/flow.ts';
import { pump } from '../../streams/pump.ts';
import { meter } from '../../operators/meter.ts';
import type { ClientContext, OpenClientDialect, RemoteSession } from '../dialect.ts';
import type { Command, Download, Reply, Upload } from '../session.ts';
import { type ContentEncoder, sendContent } from './content.ts';
import { anything, onlyTheEnd } from './forms.ts';
import { Line, connectionLost } from './line.ts';

/** How one server is spoken with. */
export interface ClientTalk {
  /** What comes before the first command. @default nothing */
  readonly greeting?: () => Observable<never>;
  /** Says a command and emits its replies, the last one when the conversation is ready for the next command. */
  readonly execute: (command: Command) => Observable<Reply>;
  readonly quit: () => Observable<never>;
}

/** Commands that may wait for their turn. */
const MAX_WAITING = 256;

/** The client's side of a classic dialect. */
export const classicClient =
  (openTalk: (line: Line, context: ClientContext) => ClientTalk): OpenClientDialect =>
  (context) =>
  (socket) =>
    new Observable((subscriber) => {
      const line = new Line(socket, context.stallMs);
      const talk = openTalk(line, context);
      const session = new ClassicSession(line, talk, (error) => subscriber.error(error));
      const greeting = (talk.greeting?.() ?? EMPTY).subscribe({
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          session.watch();
          subscriber.next(session);
        },
      });
      return () => {
        greeting.unsubscribe();
        session.fail(connectionLost());
        line.close();
      };
    });

/** The far session, one command at a time. */
class ClassicSession implements RemoteSession {
  readonly #line: Line;
  readonly #talk: ClientTalk;
  readonly #onEnd: (error: SluiceError) => void;
  readonly #ended$ = new ReplaySubject<never>(1);
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #lost: SluiceError | undefined;
  #idle = new Subscription();

  constructor(line: Line, talk: ClientTalk, onEnd: (error: SluiceError) => void) {
    this.#line = line;
    this.#talk = talk;
    this.#onEnd = onEnd;
  }

  get ended$(): Observable<never> {
    return this.#ended$.asObservable();
  }

  /** Notices the loss of the connection while nothing runs. */
  watch(): void {
    // What a server says without being asked stays for the next command, which will not understand it.
    this.#idle = this.#line
      .take(anything)
      .pipe(throwIfEmpty())
      .subscribe({ error: (error: unknown) => this.fail(connectionLost(error)) });
  }

  execute(command: Command): Observable<Reply> {
    return this.#inTurn(defer(() => this.#talk.execute(command)).pipe(this.#endingWhereLost()));
  }

  quit(): Observable<never> {
    return this.#inTurn(defer(() => this.#talk.quit()).pipe(tap({ complete: () => this.#ended$.complete() })));
  }

  /** Ends the session, and with it every command that waits. */
  fail(error: SluiceError): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    this.#idle.unsubscribe();
    this.#ended$.error(error);
    this.#onEnd(error);
    for (const start of this.#waiting.splice(0)) start();
  }

  /** Subscribes the work when what was asked before it is done. */
  #inTurn<T>(work$: Observable<T>): Observable<T> {
    return new Observable((subscriber) => {
      let isMine = false;
      const start = () => {
        if (this.#lost !== undefined) return subscriber.error(this.#lost);
        isMine = this.#isBusy = true;
        this.#idle.unsubscribe();
        subscriber.add(work$.subscribe(subscriber));
      };
      if (!this.#isBusy) start();
      else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(start);
      else subscriber.error(new LimitError('TOO_MANY_REQUESTS', `${MAX_WAITING} commands wait for their turn already`));
      subscriber.add(() => {
        const place = this.#waiting.indexOf(start);
        if (place >= 0) this.#waiting.splice(place, 1);
        if (!isMine) return;
        this.#isBusy = false;
        const next = this.#waiting.shift();
        if (next !== undefined) next();
        else if (this.#lost === undefined) this.watch();
      });
    });
  }

  /**
   * Ends the session where a command ends half-way: there is no word to call one off, and what the server says next
   * would be taken for the answer to another one.
   */
  #endingWhereLost(): MonoTypeOperatorFunction<Reply> {
    return (reply$) =>
      defer(() => {
        let isAnswered = false;
        return reply$.pipe(
          tap({
            next: ({ type }) => (isAnswered ||= type !== 'progress'),
            error: (error: unknown) => {
              if (!leavesInStep(error)) this.fail(sluiceError(error));
            },
            unsubscribe: () => {
              if (!isAnswered) this.fail(connectionLost());
            },
          }),
        );
      });
  }
}

/** Whether the server has said all that it says, or was not asked at all. */
const leavesInStep = (error: unknown): boolean =>
  error instanceof RemoteError || error instanceof UnsupportedError || isBadName(error);

const isBadName = (error: unknown): boolean => error instanceof SluiceError && error.code === 'PATH_INVALID';

/** The next message, which has to come in time. */
export const takeInTime = <T>(line: Line, form: MessageForm<T>, ms: number): Observable<T> =>
  line.take(form).pipe(
    throwIfEmpty(() => connectionLost()),
    timeout({
      first: ms,
      with: () => throwError(() => new TimeoutError('STALLED', `the server did not answer within ${ms / 1000} s`)),
    }),
  );

/** Moves what comes from a server to where a download goes. */
export const receiveDownload = (
  { to }: Download,
  content: Source,
  { size, isVerified = false }: { readonly size?: number; readonly isVerified?: boolean } = {},
): Observable<Reply> =>
  defer(() => {
    let bytes = 0;
    const counted = meter((seen) => (bytes = seen));
    return concat(
      pump(content, counted, to({ size, offset: 0 })).pipe(map((moved): Reply => ({ type: 'progress', ...moved }))),
      defer(() => of<Reply>({ type: 'completed', bytes, ...(!isVerified && { unverified: true }) })),
    );
  });

/**
 * Moves what an upload brings to a server; `kept$` completes when that has it, as far as it can say so. None of them says
 * whether it has compared a digest that went along.
 */
export const sendUpload = (
  { from }: Upload,
  line: Line,
  encoder: ContentEncoder,
  kept$: Observable<never>,
  { digestSent = false } = {},
): Observable<Reply> =>
  defer(() => {
    let bytes = 0;
    const counted = meter((seen) => (bytes = seen));
    return concat(
      pump(from({}), counted, sendContent(line, encoder)).pipe(map((moved): Reply => ({ type: 'progress', ...moved }))),
      kept$,
      defer(() => of<Reply>({ type: 'completed', bytes, unverified: true, ...(digestSent && { digestSent }) })),
    );
  });

/**
 * Ends this side of a data connection behind a content, and waits for the server to end the other one, which it does
 * when it has it. One that does nothing for `ms` has it too, for all that can be known. Errors with a `RemoteError`
 * where it breaks the connection off.
 */
export const endUpload = (line: Line, ms: number): Observable<never> =>
  defer(() => {
    line.socket.end();
    return line.take(onlyTheEnd).pipe(timeout({ first: ms, with: () => EMPTY }));
  });

/** Takes a broken data connection for the server's refusal of the file, which it has no other word for. */
export const refusedWhereBroken = <T>(): MonoTypeOperatorFunction<T> =>
  catchError((error: unknown) => throwError(() => (isBroken(error) ? refused(error) : error)));

const isBroken = (error: unknown): boolean => error instanceof SluiceError && error.code === 'CLOSED_EARLY';

const refused = (cause: unknown) =>
  new RemoteError('WRITE_FAILED', 'the server broke the upload off, for what reason it cannot say', { cause });

/** Throws `UNSUPPORTED` for a wish that only a server that says what it has could fulfil. */
export const assertPlainUpload = (dialect: string, { overwrite = 'overwrite', keepTime, mode }: Upload): void => {
  if (overwrite !== 'overwrite') throw unsupported(dialect, 'ask whether the target exists');
  if (keepTime || mode !== undefined) throw unsupported(dialect, 'carry times and permissions');
};

/** The size of an upload, for a dialect that says it before the content. */
export const sizeOf = (dialect: string, { size }: Upload): number => {
  if (size === undefined) throw unsupported(dialect, 'send a content without knowing its size first');
  return size;
};

/** What a client says of a command that its dialect has no words for. */
export const unsupported = (dialect: string, what: string): UnsupportedError =>
  new UnsupportedError(`the dialect "${dialect}" cannot ${what}`);

/** What each command is for, in words for `unsupported`. */
export const PURPOSE: Readonly<Record<Command['type'], string>> = {
  list: 'list a folder',
  stat: 'tell about a single file',
  hash: 'compute the digest of a file',
  download: 'download a file',
  upload: 'upload a file',
  'download-tree': 'download a folder',
  'upload-tree': 'upload a folder',
  remove: 'delete a file',
  makeFolder: 'make a folder',
  removeFolder: 'remove a folder',
  move: 'move a file',
  space: 'tell about free space',
  ping: 'measure the round trip',
};
