// SPDX-License-Identifier: Apache-2.0
// Inputs: from files to what the model wants, and the sizes they give.

#include "lamina_main.h"

#include <stdio.h>
#include <string.h>

static struct tensor read_tensor(const char *path) {
  uint64_t count;
  const char *bytes = read_file(path, &count);
  if (has_extension(path, ".csv") || has_extension(path, ".tsv") || has_extension(path, ".txt")) {
    return read_csv(path, bytes, count);
  }
  if (has_extension(path, ".npy") || (count >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0)) {
    return read_npy(path, bytes, count);
  }
  return (struct tensor){.data = bytes, .count = (int64_t)count, .is_raw = true};
}

/// Takes sizes that the model leaves open from an input's shape.
static void take_dims(struct program *program, const struct lamina_port *port, const struct tensor *tensor) {
  if (tensor->is_raw) return;
  if (!tensor->is_table && tensor->rank != port->shape.count) return;
  for (uint32_t axis = 0; axis < port->shape.count && axis < tensor->rank; axis++) {
    // Of a table only the number of rows is sure, and the columns when there are two axes.
    if (tensor->is_table && axis == 1 && port->shape.count != 2) return;
    int64_t symbol = axis_symbol(program, port, axis);
    int64_t size = tensor->is_table && port->shape.count == 1 ? tensor->count : tensor->shape[axis];
    if (symbol >= 0 && !program->is_known[symbol]) {
      program->dims[symbol] = size;
      program->is_known[symbol] = true;
    }
  }
}

static void bind(struct program *program, uint32_t threads, bool is_free) {
  uint32_t count = symbol_count(program);
  for (uint32_t i = 0; i < count; i++) {
    const struct lamina_symbol *symbol = &symbols(program)[i];
    if (!program->is_known[i]) {
      if (!is_free && symbol->low != symbol->high && !is_room(program, i)) {
        fail("the size '%.*s' is not known, expected --dim %.*s=SIZE", TEXT(program, symbol->name),
             TEXT(program, symbol->name));
      }
      program->dims[i] = symbol->low ? symbol->low : symbol->high > 0;
    }
    if (program->dims[i] < symbol->low || program->dims[i] > symbol->high) {
      fail("the size '%.*s' is %lld, expected %lld...%lld", TEXT(program, symbol->name), (long long)program->dims[i],
           (long long)symbol->low, (long long)symbol->high);
    }
  }
  enum lamina_status status = lamina_bind(program->context, program->dims, count, threads);
  if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
}

/// Whether a tensor's elements have a value in the port's type: integers that fit, or anything for a float.
static void convert(const char *path, const struct tensor *from, uint32_t dtype, void *to) {
  for (int64_t i = 0; i < from->count; i++) {
    if (is_float(from->dtype) || is_float(dtype)) {
      double value = get_double(from->dtype, from->data, i);
      if (!is_float(dtype) && !(value >= -9.2e18 && value <= 9.2e18 && value == (double)(int64_t)value)) {
        fail("'%s' holds %g, expected whole numbers for %s", path, value, dtype_name(dtype));
      }
      set_double(dtype, to, i, value);
      if (!is_float(dtype) && get_double(dtype, to, i) != value) {
        fail("'%s' holds %g, which %s cannot hold", path, value, dtype_name(dtype));
      }
    } else {
      int64_t value = get_integer(from->dtype, from->data, i);
      set_integer(dtype, to, i, value);
      bool is_wide = (from->dtype == LAMINA_U64) != (dtype == LAMINA_U64) && value < 0;
      if (is_wide || get_integer(dtype, to, i) != value) {
        fail("'%s' holds %lld, which %s cannot hold", path, (long long)value, dtype_name(dtype));
      }
    }
  }
}

/// Elements of a read tensor as the model wants them, in their place when nothing has to change.
static const void *elements(
    struct program *program, const struct lamina_port *port, const struct tensor *tensor, const char *path,
    uint64_t bytes) {
  char found[512], expected[512];
  bool fits = tensor->is_raw ? (uint64_t)tensor->count == bytes : tensor->is_table || tensor->rank == port->shape.count;
  int64_t count = 1;
  for (uint32_t axis = 0; axis < port->shape.count; axis++) {
    int64_t size = lamina_value(program->context, axis_expression(program, port, axis));
    count *= size;
    if (!tensor->is_raw && !tensor->is_table && fits) fits = tensor->shape[axis] == size;
  }
  if (tensor->is_table) fits = count == tensor->count;
  if (!fits) {
    fail("input '%.*s': '%s' holds %s, expected %s", TEXT(program, port->name), path,
         tensor_type(tensor, found, sizeof found), bound_type(program, port, expected, sizeof expected));
  }
  bool is_same = tensor->is_raw || tensor->dtype == port->dtype;
  if (is_same && (uintptr_t)tensor->data % 16 == 0) return tensor->data;
  void *copy = allocate(bytes);
  if (is_same) {
    memcpy(copy, tensor->data, bytes);
  } else {
    convert(path, tensor, port->dtype, copy);
  }
  return copy;
}

/// Small positive numbers that differ, for measuring.
static const void *made_up(uint32_t dtype, uint64_t bytes) {
  void *data = allocate(bytes);
  memset(data, 0, bytes);
  if (!is_float(dtype)) return data;
  int64_t count = (int64_t)(bytes / tensor_bytes(dtype, 1));
  for (int64_t i = 0; i < count; i++) set_double(dtype, data, i, (double)(i * 37 % 101) / 101);
  return data;
}

void read_inputs(struct program *program, const struct options *options) {
  uint32_t count = program->plan->inputs.count;
  struct tensor *tensors = allocate((uint64_t)count * sizeof *tensors);
  const char **paths = allocate((uint64_t)count * sizeof *paths);
  memset(paths, 0, (size_t)count * sizeof *paths);
  for (uint32_t i = 0; i < options->input_count; i++) {
    const char *path;
    uint32_t port = find_port(program, options->inputs[i], "--input", inputs(program), count, &path);
    if (paths[port]) fail_usage("--input: '%.*s' is given twice", TEXT(program, inputs(program)[port].name));
    paths[port] = path;
    tensors[port] = read_tensor(path);
    take_dims(program, &inputs(program)[port], &tensors[port]);
  }
  for (uint32_t i = 0; i < count && !options->bench; i++) {
    if (paths[i]) continue;
    fprintf(stderr, "the model has\n");
    list_ports(program, "input", inputs(program), count, stderr);
    fail("input '%.*s' is missing, expected --input %.*s=PATH", TEXT(program, inputs(program)[i].name),
         TEXT(program, inputs(program)[i].name));
  }
  bind(program, options->threads, options->bench);
  program->inputs = allocate((uint64_t)count * sizeof *program->inputs);
  for (uint32_t i = 0; i < count; i++) {
    const struct lamina_port *port = &inputs(program)[i];
    uint64_t bytes = lamina_input_bytes(program->context, i);
    const void *data = paths[i] ? elements(program, port, &tensors[i], paths[i], bytes) : made_up(port->dtype, bytes);
    program->inputs[i] = data;
    enum lamina_status status = lamina_set_input(program->context, i, data);
    if (status != LAMINA_OK) fail("input '%.*s': %s", TEXT(program, port->name), lamina_status_text(status));
  }
}
