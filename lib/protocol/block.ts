/**
 * Content is proven in blocks of so many bytes, the last one shorter: a bad block is found where it is, and a transfer
 * that broke off goes on behind the last good one.
 */
export const BLOCK_BYTES = 1024 * 1024;
