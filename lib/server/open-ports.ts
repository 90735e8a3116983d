import { type Observable, combineLatest, defer, map, switchMap } from 'rxjs';
import type { ServerContext, ServerDialect } from '../dialects/dialect.ts';
import { DIALECTS, type DialectName } from '../dialects/registry.ts';
import { type Listener, listen } from '../net/listen.ts';
import { AGENT } from '../version.ts';
import type { CheckedServeOptions } from './options.ts';

/** A port that is listened on, and how connections to it are spoken with. */
export interface OpenPort {
  readonly dialect: DialectName;
  readonly listener: Listener;
  readonly speaker: ServerDialect;
}

/**
 * The ports of a server, opened on subscription, with what their dialects have in common.
 *
 * Emits all of them once, when the last one listens; never completes. Errors with `LISTEN_FAILED` when one cannot be
 * opened, and leaves none open. Unsubscribing closes them.
 */
export const openPorts = (options: CheckedServeOptions): Observable<readonly OpenPort[]> => {
  const { host, dataPorts, maxTransfers: transfers, limits } = options;
  const context: ServerContext = { host, dataPorts, transfers, agent: AGENT, limits };
  const portsOf = new Map<DialectName, number[]>();
  for (const { dialect, port } of options.listen) portsOf.set(dialect, [...(portsOf.get(dialect) ?? []), port]);
  const opened = [...portsOf].map(([dialect, ports]) => openPortsOf(dialect, ports, context));
  return combineLatest(opened).pipe(map((groups) => groups.flat()));
};

const openPortsOf = (
  dialect: DialectName,
  ports: readonly number[],
  context: ServerContext,
): Observable<readonly OpenPort[]> =>
  defer(() => DIALECTS[dialect].server()).pipe(
    switchMap((open) => open(context)),
    switchMap((speakOn) =>
      combineLatest(
        ports.map((port) =>
          listen({ host: context.host, port }).pipe(
            map((listener) => ({ dialect, listener, speaker: speakOn(listener.port) })),
          ),
        ),
      ),
    ),
  );
