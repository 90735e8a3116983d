/** What a process has used since its start. */
export interface Usage {
  /** Seconds of processor time, of the program and of the kernel for it. */
  readonly cpuSeconds: number;
  /** The most memory that was resident at a time, in bytes. */
  readonly peakBytes: number;
}
