export const MODES = ['upload-to-file', 'upload-to-nothing', 'download-to-file', 'download-to-nothing'] as const;

/** What is measured: which way a file goes, and whether the receiver keeps it. */
export type Mode = (typeof MODES)[number];

/** Whether the client sends. */
export const isUpload = (mode: Mode): boolean => mode.startsWith('upload');

/** Whether the receiver writes a file. */
export const keepsFile = (mode: Mode): boolean => mode.endsWith('file');

/** A mode as people read it: `upload, file → nothing`. */
export const describeMode = (mode: Mode): string =>
  `${isUpload(mode) ? 'upload' : 'download'}, file → ${keepsFile(mode) ? 'file' : 'nothing'}`;
