// SPDX-License-Identifier: Apache-2.0
// The few functions of zlib that zip and PNG files need. The library (libz.so.1) is opened at the first use, so that
// nothing links to it and no development package is needed.
#ifndef LAMINA_ZLIB_H
#define LAMINA_ZLIB_H

#include <stddef.h>
#include <stdint.h>

/* Whether the library was found; every other function needs that. Safe from any thread. */
int lamina_zlib_available(void);

/* The CRC-32 of bytes behind those that gave `crc` (0 at the start). */
uint32_t lamina_crc32(uint32_t crc, const void *bytes, size_t count);

typedef struct lamina_inflater lamina_inflater;

/* A decompressor of `count` bytes, which must outlive it: raw deflate data (zip) or zlib data (PNG). NULL: no memory. */
lamina_inflater *lamina_inflater_new(const void *bytes, size_t count, int raw);
void lamina_inflater_free(lamina_inflater *inflater);

/* Writes up to `count` further bytes and gives how many; fewer than `count` at the end of the data or of the input.
   -1: the data are damaged. */
ptrdiff_t lamina_inflater_read(lamina_inflater *inflater, void *bytes, size_t count);

/* Goes on with the next piece of the input, when one piece is used up. */
void lamina_inflater_feed(lamina_inflater *inflater, const void *bytes, size_t count);

/* Whether the end of the compressed data was reached (and, for zlib data, its checksum was right). */
int lamina_inflater_ended(const lamina_inflater *inflater);

/* Input bytes of the current piece that are not used yet. */
size_t lamina_inflater_rest(const lamina_inflater *inflater);

/* The most bytes that compressing `count` bytes can give. */
size_t lamina_deflate_bound(size_t count);

/* Compresses to zlib data; gives its size, or 0 when `capacity` is too small. */
size_t lamina_deflate(const void *bytes, size_t count, void *out, size_t capacity);

#endif
