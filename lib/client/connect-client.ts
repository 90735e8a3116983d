import { mergeMap } from 'rxjs';
import { DIALECTS } from '../dialects/registry.ts';
import { connect } from '../net/connect.ts';
import { untilAborted } from '../operators/until-aborted.ts';
import { AGENT } from '../version.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import { type ConnectClientOptions, checkConnectOptions } from './options.ts';

/**
 * Connects to a server and gives one session with it.
 *
 * Rejects with `OPTION_INVALID`, `HOST_NOT_FOUND`, `CONNECT_FAILED`, `CONNECT_TIMEOUT`, `HELLO_TIMEOUT`,
 * `VERSION_MISMATCH`, or with the server's own refusal (a `RemoteError`, `SERVER_FULL` for example). The connection lasts
 * until `quit`, `close`, the signal, or its loss, which `ended$` reports; a transfer that is under way then opens it anew.
 */
export const connectClient = async (options: ConnectClientOptions = {}): Promise<Client> => {
  const { host, port, dialect, timeoutMs, stallMs, dataListener, retries, keepPartsMs } = checkConnectOptions(options);
  const openDialect = await DIALECTS[dialect].client();
  const speak = openDialect({ agent: AGENT, listener: dataListener, timeoutMs, stallMs });
  const open = () => connect({ host, port, timeoutMs }).pipe(mergeMap(speak), untilAborted(options.signal));
  return new Client(await Connection.open(open), { retries, keepPartsMs });
};
