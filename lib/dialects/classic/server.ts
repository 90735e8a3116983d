import type { Socket } from 'node:net';
import {
  EMPTY,
  type Observable,
  ReplaySubject,
  catchError,
  concat,
  defaultIfEmpty,
  defer,
  finalize,
  ignoreElements,
  map,
  mergeMap,
  of,
  repeat,
  take,
  takeUntil,
  throwError,
  timeout,
} from 'rxjs';
import { type SluiceError, TimeoutError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import type { MessageForm } from '../../net/take-message.ts';
import type { ServerContext, ServerDialect, SessionHost } from '../dialect.ts';
import type { Session } from '../session.ts';
import { Line } from './line.ts';

/** What one conversation has to work with. */
export interface ServerTurn {
  readonly line: Line;
  readonly session: Session;
  readonly context: ServerContext;
}

/** How one client is spoken with: what a command looks like, and what is done about it. */
export interface ServerTalk<C> {
  /** Said to whoever connects. */
  readonly greeting?: string;
  /** Said to whoever takes their leave. */
  readonly farewell?: string;
  readonly form: MessageForm<C>;
  /**
   * Answers a command, its failure too; completes when the next one may come, and errors with what leaves no way to go
   * on. Undefined where the client takes its leave.
   */
  readonly answer: (command: C) => Observable<never> | undefined;
}

export interface ClassicDialect<C> {
  readonly talk: (turn: ServerTurn) => ServerTalk<C>;
  /** How a peer is told why the conversation ends. */
  readonly refusal: (reason: SluiceError) => Buffer | string;
}

// The last thing that a conversation emits.
const LEFT = 'left';

/** A server that takes one command after the other and answers it, as every classic dialect does. */
export class ClassicServer<C> implements ServerDialect {
  readonly takesData = false;
  readonly #dialect: ClassicDialect<C>;
  readonly #context: ServerContext;
  readonly #stopping$ = new ReplaySubject<void>(1);

  constructor(dialect: ClassicDialect<C>, context: ServerContext) {
    this.#dialect = dialect;
    this.#context = context;
  }

  converse(socket: Socket, host: SessionHost): Observable<never> {
    return defer(() => {
      const line = new Line(socket, this.#context.limits.stallMs);
      return host
        .withSession((session) => this.#talk({ line, session, context: this.#context }))
        .pipe(
          catchError((error: unknown) => {
            const reason = sluiceError(error);
            if (reason.code !== 'CLOSED_EARLY') this.refuse(socket, reason);
            return throwError(() => reason);
          }),
          finalize(() => line.close()),
        );
    });
  }

  refuse(socket: Socket, reason: SluiceError): void {
    const line = new Line(socket, this.#context.limits.stallMs);
    if (socket.writable) socket.write(this.#dialect.refusal(reason));
    line.close();
  }

  stop(): void {
    this.#stopping$.next();
  }

  #talk(turn: ServerTurn): Observable<never> {
    const { line, context } = turn;
    const { greeting, farewell, form, answer } = this.#dialect.talk(turn);
    const command$ = line.take(form).pipe(idleLimit(context.limits.idleMs), takeUntil(this.#stopping$));
    // While a command is answered the connection is not read, so there is nothing to queue.
    const turn$ = defer(() => command$).pipe(
      map((command) => answer(command) ?? concat(farewell === undefined ? EMPTY : line.say(farewell), of(LEFT))),
      defaultIfEmpty(of(LEFT)),
      mergeMap((answered$) => answered$),
    );
    const talk$ = turn$.pipe(repeat(), take(1), ignoreElements());
    return greeting === undefined ? talk$ : concat(line.say(greeting), talk$);
  }
}

/** However the bytes drip: a command has to be whole by then. */
const idleLimit = <T>(idleMs: number) =>
  timeout<T, Observable<never>>({
    first: idleMs,
    with: () => throwError(() => new TimeoutError('IDLE_TIMEOUT', `the session was idle for ${idleMs / 1000} s`)),
  });
