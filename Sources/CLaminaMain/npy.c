// SPDX-License-Identifier: Apache-2.0
// The .npy format of NumPy, versions 1 to 3, and plain files.

#define _GNU_SOURCE
#include "lamina_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const void *read_file(const char *path, uint64_t *bytes) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) fail("cannot read '%s': %s", path, strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("cannot read '%s': it is a folder", path);
  char *data;
  if (S_ISREG(status.st_mode)) {
    *bytes = (uint64_t)status.st_size;
    data = status.st_size ? mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, file, 0) : "";
    if (data == MAP_FAILED) fail("cannot map '%s': %s", path, strerror(errno));
  } else {
    uint64_t room = 1 << 16;
    *bytes = 0;
    data = malloc(room);
    for (ssize_t count = 1; count > 0; *bytes += (uint64_t)count) {
      if (*bytes == room) data = realloc(data, room *= 2);
      if (!data) fail("no memory for '%s'", path);
      while ((count = read(file, data + *bytes, room - *bytes)) < 0 && errno == EINTR) {}
      if (count < 0) fail("cannot read '%s': %s", path, strerror(errno));
    }
  }
  close(file);
  return data;
}

bool has_extension(const char *path, const char *extension) {
  size_t length = strlen(path), wanted = strlen(extension);
  return length > wanted && strcasecmp(path + length - wanted, extension) == 0;
}

static const struct {
  char code[4];
  uint32_t dtype;
} codes[] = {{"f4", LAMINA_F32}, {"f8", LAMINA_F64}, {"f2", LAMINA_F16}, {"i1", LAMINA_I8},  {"i2", LAMINA_I16},
             {"i4", LAMINA_I32}, {"i8", LAMINA_I64}, {"u1", LAMINA_U8},  {"u2", LAMINA_U16}, {"u4", LAMINA_U32},
             {"u8", LAMINA_U64}, {"b1", LAMINA_BOOL},
             // What numpy keeps bfloat16 as.
             {"V2", LAMINA_BF16}};

/// The text after `'key':` in a header, blanks skipped; NULL when there is none.
static const char *field(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s'", key);
  const char *found = strstr(header, quoted);
  if (!found) return NULL;
  found += strlen(quoted);
  while (*found == ' ' || *found == ':') found++;
  return found;
}

struct tensor read_npy(const char *path, const char *bytes, uint64_t count) {
  if (count < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) fail("'%s' is no .npy file", path);
  uint8_t version = (uint8_t)bytes[6];
  if (version < 1 || version > 3) fail("'%s' is .npy version %d, expected 1, 2 or 3", path, version);
  const uint8_t *size = (const uint8_t *)bytes + 8;
  uint64_t start = version == 1 ? 10 : 12, length = size[0] | (uint64_t)size[1] << 8;
  if (version > 1 && count >= 12) length |= (uint64_t)size[2] << 16 | (uint64_t)size[3] << 24;
  if (count < start || length > count - start) fail("'%s' ends inside of its header", path);
  char *header = strndup(bytes + start, length);
  if (!header) fail("no memory for '%s'", path);

  struct tensor tensor = {.count = 1};
  const char *type = field(header, "descr"), *order = field(header, "fortran_order"), *shape = field(header, "shape");
  if (!type || !order || !shape || *shape != '(' || *type != '\'') fail("'%s' has a damaged .npy header", path);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    bool one = codes[i].code[1] == '1';
    if ((type[1] == '<' || (one && type[1] == '|')) && memcmp(type + 2, codes[i].code, 2) == 0 && type[4] == '\'') {
      tensor.dtype = codes[i].dtype;
    }
  }
  if (!tensor.dtype) {
    fail("'%s' has elements of type %.*s, expected little-endian numbers", path, (int)strcspn(type, ","), type);
  }
  bool is_fortran = strncmp(order, "True", 4) == 0;
  for (shape++; *shape != ')';) {
    char *end;
    errno = 0;
    long long dim = strtoll(shape, &end, 10);
    if (end == shape || dim < 0 || errno || tensor.rank == MAX_RANK
        || __builtin_mul_overflow(tensor.count, dim, &tensor.count) || tensor.count > LAMINA_MAX_BYTES) {
      fail("'%s' has a damaged shape", path);
    }
    tensor.shape[tensor.rank++] = dim;
    for (shape = end; *shape == ' ' || *shape == ','; shape++) {}
  }
  // A column-major tensor of one axis is row-major too.
  uint32_t axes = 0;
  for (uint32_t axis = 0; axis < tensor.rank; axis++) axes += tensor.shape[axis] != 1;
  if (is_fortran && axes > 1) fail("'%s' is in Fortran order, expected C order", path);
  uint64_t wanted = tensor_bytes(tensor.dtype, tensor.count), held = count - start - length;
  if (held != wanted) {
    fail("'%s' holds %llu bytes of elements, its header says %llu", path, (unsigned long long)held,
         (unsigned long long)wanted);
  }
  tensor.data = bytes + start + length;
  free(header);
  return tensor;
}

/// An open file for writing; "-" is the standard output.
static FILE *create(const char *path) {
  FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
  if (!file) fail("cannot write '%s': %s", path, strerror(errno));
  return file;
}

static void finish(FILE *file, const char *path) {
  bool failed = fflush(file) != 0 || ferror(file);
  if (file != stdout && fclose(file) != 0) failed = true;
  if (failed) fail("cannot write '%s': %s", path, strerror(errno));
}

void write_bytes(const char *path, const void *bytes, uint64_t count) {
  FILE *file = create(path);
  fwrite(bytes, 1, count, file);
  finish(file, path);
}

void write_npy(const char *path, const struct tensor *tensor) {
  // Types that .npy has no code for are written as the next larger one.
  uint32_t dtype = tensor->dtype == LAMINA_I4   ? LAMINA_I8
                   : tensor->dtype == LAMINA_U4 ? LAMINA_U8
                                                : tensor->dtype;
  const char *code = "f4";
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (codes[i].dtype == dtype) code = codes[i].code;
  }
  char header[256 + MAX_RANK * 24];
  size_t used = (size_t)snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                                 code[1] == '1' ? '|' : '<', code);
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    used += (size_t)snprintf(header + used, sizeof header - used, axis ? " %lld," : "%lld,",
                             (long long)tensor->shape[axis]);
  }
  if (tensor->rank > 1) used--;
  used += (size_t)snprintf(header + used, sizeof header - used, "), }");
  // The elements start at a multiple of 64.
  size_t length = (10 + used + 1 + 63) / 64 * 64 - 10;
  memset(header + used, ' ', length - used);
  header[length - 1] = '\n';
  FILE *file = create(path);
  const char start[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(length & 255), (char)(length >> 8)};
  fwrite(start, 1, sizeof start, file);
  fwrite(header, 1, length, file);
  if (dtype == tensor->dtype) {
    fwrite(tensor->data, 1, tensor_bytes(dtype, tensor->count), file);
  } else {
    for (int64_t i = 0; i < tensor->count; i++) {
      uint64_t element = 0;
      set_double(dtype, &element, 0, get_double(tensor->dtype, tensor->data, i));
      fwrite(&element, 1, tensor_bytes(dtype, 1), file);
    }
  }
  finish(file, path);
}

void write_csv(const char *path, const struct tensor *tensor) {
  FILE *file = create(path);
  int64_t columns = 1;
  for (uint32_t axis = 1; axis < tensor->rank; axis++) columns *= tensor->shape[axis];
  for (int64_t i = 0; i < tensor->count; i++) {
    char last = (i + 1) % (columns ? columns : 1) == 0 ? '\n' : ',';
    if (tensor->dtype == LAMINA_U64) {
      fprintf(file, "%llu%c", (unsigned long long)get_integer(tensor->dtype, tensor->data, i), last);
    } else if (!is_float(tensor->dtype)) {
      fprintf(file, "%lld%c", (long long)get_integer(tensor->dtype, tensor->data, i), last);
    } else {
      fprintf(file, "%.*g%c", tensor->dtype == LAMINA_F64 ? 17 : 9, get_double(tensor->dtype, tensor->data, i), last);
    }
  }
  finish(file, path);
}
