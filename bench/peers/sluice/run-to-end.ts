interface Run {
  subscribe(observer: { error: (error: unknown) => void; complete: () => void }): unknown;
}

/** Runs a transfer, whatever it emits, to its end. */
export const runToEnd = (run: Run): Promise<void> =>
  new Promise((resolve, reject) => {
    run.subscribe({ error: reject, complete: resolve });
  });
