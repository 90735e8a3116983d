import { type Observable, defer } from 'rxjs';
import type { Command, Reply, Session } from '../dialects/session.ts';
import { ConnectionError, type SluiceError } from '../errors/errors.ts';
import { reportCommand } from '../session/command-report.ts';
import { SessionCore } from '../session/session-core.ts';
import type { SessionServices } from '../session/session-services.ts';
import type { TransferReport } from '../session/transfer-report.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import type { ServerEvent } from './events.ts';

export interface SessionsOptions {
  readonly limits: AdmissionLimits;
  readonly services: SessionServices;
  readonly tell: (event: ServerEvent) => void;
}

/** The sessions of a server, counted. */
export class Sessions {
  readonly services: SessionServices;
  readonly tell: (event: ServerEvent) => void;
  readonly #places: Admission;
  #opened = 0;
  #isStopping = false;

  constructor({ limits, services, tell }: SessionsOptions) {
    this.services = services;
    this.tell = tell;
    this.#places = new Admission(limits);
  }

  /** Begins a session. Throws `SERVER_FULL`, and `SERVER_STOPPING` after `stop`. */
  open(address: string): ServedSession {
    this.assertNotStopping();
    this.#places.enter(address);
    return new ServedSession(this, (this.#opened += 1), address);
  }

  /** Gives up the place of a session that has ended. */
  leave(address: string): void {
    this.#places.leave(address);
  }

  /** From now on no session begins, and none of them begins anything. */
  stop(): void {
    this.#isStopping = true;
  }

  assertNotStopping(): void {
    if (this.#isStopping) throw new ConnectionError('SERVER_STOPPING', 'the server is stopping and begins nothing new');
  }
}

/** One session of a server, which tells what happens in it. One object: a server holds ten thousand of them. */
export class ServedSession implements Session {
  /** Whose session it is. */
  readonly address: string;
  readonly #sessions: Sessions;
  readonly #session: number;
  readonly #core: SessionCore;
  readonly #start = performance.now();

  constructor(sessions: Sessions, session: number, address: string) {
    this.address = address;
    this.#sessions = sessions;
    this.#session = session;
    this.#core = new SessionCore(sessions.services, this);
    sessions.tell({ type: 'session-opened', session, address });
  }

  execute(command: Command): Observable<Reply> {
    return defer(() => {
      this.#sessions.assertNotStopping();
      return this.#core.execute(command);
    }).pipe(
      reportCommand(command, (report) =>
        this.#sessions.tell({ type: 'command', session: this.#session, address: this.address, ...report }),
      ),
    );
  }

  transferred(report: TransferReport): void {
    this.#sessions.tell({ type: 'transfer', session: this.#session, address: this.address, ...report });
  }

  /** To be called once, with what ended it unless the client left in order. */
  close(error: SluiceError | undefined): void {
    this.#sessions.leave(this.address);
    const seconds = (performance.now() - this.#start) / 1000;
    const about = { session: this.#session, address: this.address, seconds };
    this.#sessions.tell({ type: 'session-closed', ...about, ...(error && { error }) });
  }
}
