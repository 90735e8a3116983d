/**
 * Content is proven in blocks of so many bytes, the last one shorter: a bad block is found where it is, and a transfer
 * that broke off goes on behind the last good one.
 */
export const BLOCK_BYTES = 1024 * 1024;

/** In so many ranges, at most, a content is kept, or travels at once. */
export const MAX_RANGES = 16;

/** A file up to this size, in bytes, is read, moved and written in one piece. */
export const SMALL_FILE_BYTES = 64 * 1024;

/** So many small files travel as one content, at most. */
export const MAX_PACKED = 1024;
