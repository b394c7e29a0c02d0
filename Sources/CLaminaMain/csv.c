// SPDX-License-Identifier: Apache-2.0
// Rows of numbers, separated by commas, semicolons, tabs or blanks; a first row of names is skipped.

#include "lamina_main.h"

#include <stdlib.h>
#include <string.h>

static bool is_separator(char c) { return c == ',' || c == ';' || c == '\t' || c == ' ' || c == '\r' || c == '"'; }

struct tensor read_csv(const char *path, const char *bytes, uint64_t count) {
  // `strtod` needs an end; a mapped file of whole pages has none.
  char *copy = malloc(count + 1);
  // Every number takes at least two characters, its separator included.
  double *values = malloc((count / 2 + 1) * sizeof *values);
  if (!copy || !values) fail("no memory for '%s'", path);
  memcpy(copy, bytes, count);
  copy[count] = 0;
  struct tensor tensor = {.dtype = LAMINA_F64, .rank = 2, .is_table = true, .data = values};
  char *place = copy;
  if (count >= 3 && memcmp(copy, "\xef\xbb\xbf", 3) == 0) place += 3;
  for (long line = 1; *place; line++) {
    int64_t columns = 0;
    bool is_header = false;
    while (*place && *place != '\n') {
      if (is_separator(*place)) {
        place++;
        continue;
      }
      char *end;
      double value = strtod(place, &end);
      if (end == place || (*end && *end != '\n' && !is_separator(*end))) {
        if (line > 1) {
          int length = (int)strcspn(place, ",;\t\r\n");
          fail("'%s' line %ld: found '%.*s', expected a number", path, line, length, place);
        }
        is_header = true;
        place += strcspn(place, ",;\t\n");
        continue;
      }
      values[tensor.count + columns++] = value;
      place = end;
    }
    if (*place) place++;
    if (is_header || columns == 0) continue;
    if (tensor.shape[0] > 0 && columns != tensor.shape[1]) {
      fail("'%s' line %ld: found %lld numbers, expected %lld as before", path, line, (long long)columns,
           (long long)tensor.shape[1]);
    }
    tensor.shape[0]++;
    tensor.shape[1] = columns;
    tensor.count += columns;
  }
  free(copy);
  return tensor;
}
