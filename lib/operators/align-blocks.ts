const BLOCK_BYTES = 64 * 1024;

/** Takes bytes in any pieces and passes them on in whole blocks, but for the last. */
export interface BlockAligner {
  readonly update: (bytes: Buffer) => void;
  /** Passes on what is left; for the end. */
  readonly flush: () => void;
}

/**
 * Cuts bytes anew at multiples of 64 KiB before they go to `update`. A hash works in blocks of its own, and pieces that
 * are off its grid by the ten bytes of a frame header cost BLAKE3 nearly twice the time of aligned ones (275 ms against
 * 157 ms a GiB, this copy included). Holds one block; what is whole already passes through as a view.
 */
export const alignBlocks = (update: (bytes: Buffer) => void): BlockAligner => {
  let block: Buffer | undefined;
  let filled = 0;
  const fill = (bytes: Buffer): void => {
    block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    filled += bytes.copy(block, filled);
  };
  const flush = (): void => {
    if (block !== undefined && filled > 0) update(block.subarray(0, filled));
    filled = 0;
  };
  return {
    flush,
    update: (bytes) => {
      const missing = filled === 0 ? 0 : Math.min(BLOCK_BYTES - filled, bytes.length);
      if (missing > 0) fill(bytes.subarray(0, missing));
      if (filled === BLOCK_BYTES) flush();
      const whole = missing + Math.floor((bytes.length - missing) / BLOCK_BYTES) * BLOCK_BYTES;
      if (whole > missing) update(bytes.subarray(missing, whole));
      if (whole < bytes.length) fill(bytes.subarray(whole));
    },
  };
};
