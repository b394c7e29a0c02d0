// SPDX-License-Identifier: Apache-2.0
// zlib's binary interface (stable since 1.1), reached through dlopen.

#include "lamina_zlib.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
  const unsigned char *next_in;
  unsigned avail_in;
  unsigned long total_in;
  unsigned char *next_out;
  unsigned avail_out;
  unsigned long total_out;
  const char *message;
  void *state;
  void *(*allocate)(void *, unsigned, unsigned);
  void (*release)(void *, void *);
  void *opaque;
  int data_type;
  unsigned long checksum;
  unsigned long reserved;
} z_stream;

enum { z_ok = 0, z_stream_end = 1, z_buffer_error = -5, z_no_flush = 0, z_level = 6 };

static struct {
  int found;
  const char *(*version)(void);
  int (*inflate_init)(z_stream *, int window_bits, const char *version, int stream_size);
  int (*inflate)(z_stream *, int flush);
  int (*inflate_end)(z_stream *);
  unsigned long (*crc32)(unsigned long, const unsigned char *, unsigned);
  unsigned long (*bound)(unsigned long);
  int (*compress)(unsigned char *, unsigned long *, const unsigned char *, unsigned long, int level);
} zlib;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  void *library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libz.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libz.dylib", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  *(void **)&zlib.version = dlsym(library, "zlibVersion");
  *(void **)&zlib.inflate_init = dlsym(library, "inflateInit2_");
  *(void **)&zlib.inflate = dlsym(library, "inflate");
  *(void **)&zlib.inflate_end = dlsym(library, "inflateEnd");
  *(void **)&zlib.crc32 = dlsym(library, "crc32");
  *(void **)&zlib.bound = dlsym(library, "compressBound");
  *(void **)&zlib.compress = dlsym(library, "compress2");
  zlib.found = zlib.version && zlib.inflate_init && zlib.inflate && zlib.inflate_end && zlib.crc32 && zlib.bound &&
               zlib.compress && zlib.version()[0] == '1';
}

int lamina_zlib_available(void) {
  pthread_once(&once, load);
  return zlib.found;
}

uint32_t lamina_crc32(uint32_t crc, const void *bytes, size_t count) {
  const unsigned char *next = bytes;
  while (count > 0) {
    unsigned part = count > UINT_MAX ? UINT_MAX : (unsigned)count;
    crc = (uint32_t)zlib.crc32(crc, next, part);
    next += part;
    count -= part;
  }
  return crc;
}

struct lamina_inflater {
  z_stream stream;
  size_t rest; // input behind what the stream has been given
  int ended;
};

lamina_inflater *lamina_inflater_new(const void *bytes, size_t count, int raw) {
  lamina_inflater *inflater = calloc(1, sizeof *inflater);
  if (!inflater) return NULL;
  if (zlib.inflate_init(&inflater->stream, raw ? -15 : 15, zlib.version(), (int)sizeof(z_stream)) != z_ok) {
    free(inflater);
    return NULL;
  }
  lamina_inflater_feed(inflater, bytes, count);
  return inflater;
}

void lamina_inflater_free(lamina_inflater *inflater) {
  if (!inflater) return;
  zlib.inflate_end(&inflater->stream);
  free(inflater);
}

void lamina_inflater_feed(lamina_inflater *inflater, const void *bytes, size_t count) {
  inflater->stream.next_in = bytes;
  inflater->stream.avail_in = 0;
  inflater->rest = count;
}

ptrdiff_t lamina_inflater_read(lamina_inflater *inflater, void *bytes, size_t count) {
  size_t written = 0;
  z_stream *stream = &inflater->stream;
  // The end is only seen by a call behind the last byte, so a full buffer still asks once.
  unsigned char beyond;
  while (!inflater->ended) {
    if (stream->avail_in == 0 && inflater->rest > 0) {
      stream->avail_in = inflater->rest > UINT_MAX ? UINT_MAX : (unsigned)inflater->rest;
      inflater->rest -= stream->avail_in;
    }
    size_t space = count - written;
    stream->next_out = space ? (unsigned char *)bytes + written : &beyond;
    stream->avail_out = space > UINT_MAX ? UINT_MAX : (unsigned)space;
    unsigned before = stream->avail_out;
    int code = zlib.inflate(stream, z_no_flush);
    written += before - stream->avail_out;
    if (code == z_stream_end) inflater->ended = 1;
    else if (code == z_buffer_error && stream->avail_in == 0 && inflater->rest > 0) continue;
    else if (code == z_buffer_error) break;
    else if (code != z_ok) return -1;
    else if (before == 0) break;
  }
  return (ptrdiff_t)written;
}

int lamina_inflater_ended(const lamina_inflater *inflater) { return inflater->ended; }

size_t lamina_inflater_rest(const lamina_inflater *inflater) { return inflater->stream.avail_in + inflater->rest; }

size_t lamina_deflate_bound(size_t count) { return zlib.bound(count); }

size_t lamina_deflate(const void *bytes, size_t count, void *out, size_t capacity) {
  unsigned long size = capacity;
  return zlib.compress(out, &size, bytes, count, z_level) == z_ok ? size : 0;
}
