/** What a lone `-` on the command line is turned into: standard input or output in place of a file. */
export const STANDARD_STREAM = 'standard-stream:';
