import { defer, mergeMap } from 'rxjs';
import { DIALECTS } from '../dialects/registry.ts';
import { connect } from '../net/connect.ts';
import { untilAborted } from '../operators/until-aborted.ts';
import { AGENT } from '../version.ts';
import { Client } from './client.ts';
import { type ConnectClientOptions, checkConnectOptions } from './options.ts';

/**
 * Connects to a server and gives one session with it.
 *
 * Rejects with `OPTION_INVALID`, `HOST_NOT_FOUND`, `CONNECT_FAILED`, `CONNECT_TIMEOUT`, `HELLO_TIMEOUT`,
 * `VERSION_MISMATCH`, or with the server's own refusal (a `RemoteError`, `SERVER_FULL` for example). The connection lasts
 * until `quit`, `close`, the signal, or its loss, which `ended$` reports.
 */
export const connectClient = (options: ConnectClientOptions = {}): Promise<Client> =>
  new Promise((resolve, reject) => {
    const connection = defer(async () => {
      const checked = checkConnectOptions(options);
      return { checked, open: await DIALECTS[checked.dialect].client() };
    })
      .pipe(
        mergeMap(({ checked: { host, port, timeoutMs, stallMs, dataListener }, open }) => {
          const speak = open({ agent: AGENT, listener: dataListener, timeoutMs, stallMs });
          return connect({ host, port, timeoutMs }).pipe(mergeMap(speak));
        }),
        untilAborted(options.signal),
      )
      .subscribe({
        next: (session) => resolve(new Client(session, connection)),
        error: reject,
      });
  });
