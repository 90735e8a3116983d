// Server and client.
export { serve } from './server/serve.ts';
export type { ServeOptions, ServerPort } from './server/options.ts';
export type { ServerEvent } from './server/events.ts';
export type { CommandReport } from './session/command-report.ts';
export type { TransferReport } from './session/transfer-report.ts';
export { connectClient } from './client/connect-client.ts';
export type { Client } from './client/client.ts';
export { DIALECT_NAMES, type DialectName, parseDialect } from './dialects/registry.ts';
export type { ConnectClientOptions, TransferOptions, TreeOptions } from './client/options.ts';

// Pipelines: sources, operators, sinks, and what joins them.
export { type PumpOptions, pump, pumpWithin } from './streams/pump.ts';
export type { HoldingOperator, Progress, Sink, Source, Stage } from './streams/flow.ts';
export { Valve, type ValveLimits } from './streams/valve.ts';
export { fromChunks } from './streams/from-chunks.ts';
export { type FromReadableOptions, fromReadable } from './streams/from-readable.ts';
export { toNothing } from './streams/to-nothing.ts';
export { type ToWritableOptions, toWritable } from './streams/to-writable.ts';
export { fromFile, toFile } from './transfer/local-file.ts';
export type { TransferProgress, TreeProgress } from './transfer/transfer-progress.ts';
export { type OverwritePolicy, OVERWRITE_POLICIES } from './transfer/overwrite.ts';
export { type Digest, DIGEST_NAMES, type DigestName, availableDigests, createDigest } from './operators/digest.ts';
export { exactSize } from './operators/exact-size.ts';
export { hash } from './operators/hash.ts';
export { meter } from './operators/meter.ts';
export { type FrameLimits, parseFramePieces } from './operators/parse-frame-pieces.ts';
export { parseFrames } from './operators/parse-frames.ts';
export { throttle } from './operators/throttle.ts';
export { untilAborted } from './operators/until-aborted.ts';

// Places, names and frames.
export type { OpenFile, Part, PartKeeping, PartOptions, Store } from './store/store.ts';
export type { BlockDigests, Checkpoint, ContentIdentity, ContentRange, VerifiedRun } from './store/checkpoint.ts';
export { LocalFolderStore } from './store/local-folder.ts';
export type { Entry, EntryKind, Space } from './protocol/entry.ts';
export { type RemotePath, formatPath, resolvePath } from './protocol/path.ts';
export { encodeFrame, encodeHeader } from './protocol/frame-header.ts';
export type { FramePiece } from './protocol/frame-decoder.ts';
export { isLoopback } from './net/address.ts';
export { VERSION } from './version.ts';

// Errors.
export { ERROR_CODES, type ErrorCode } from './errors/codes.ts';
export {
  CancelledError,
  ConnectionError,
  FileError,
  InternalError,
  LimitError,
  OptionError,
  ProtocolError,
  RemoteError,
  SluiceError,
  TimeoutError,
  UnsupportedError,
  VerificationError,
} from './errors/errors.ts';
export { sluiceError } from './errors/from-system.ts';
