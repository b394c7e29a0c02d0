// SPDX-License-Identifier: Apache-2.0
// The entry point of executables: reads the command line, the inputs and the weights, runs, writes the outputs.

#define _GNU_SOURCE
#include "lamina_main.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// The options as given.
struct options {
  const char **inputs, **outputs; // "NAME=PATH" in order
  uint32_t input_count, output_count;
  const char *weights;
  uint32_t threads; // 0: as many as cores
  bool help, describe, bench;
};

/// The value of an option written `--name value` or `--name=value`; NULL when `argument` is another option.
static const char *value_of(const char *name, int *index, int count, char **arguments) {
  const char *argument = arguments[*index];
  size_t length = strlen(name);
  if (strncmp(argument, name, length) != 0) return NULL;
  if (argument[length] == '=') return argument + length + 1;
  if (argument[length] != 0) return NULL;
  if (*index + 1 >= count) fail_usage("%s needs a value", name);
  return arguments[++*index];
}

static int64_t number(const char *text, const char *what) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || errno || value < 0) fail_usage("%s: found '%s', expected a whole number from 0 up", what, text);
  return value;
}

static void set_dim(struct program *program, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals) fail_usage("--dim: found '%s', expected NAME=SIZE", text);
  for (uint32_t i = 0; i < program->plan->symbols.count; i++) {
    if (is_text(program, symbols(program)[i].name, text, (size_t)(equals - text))) {
      program->dims[i] = number(equals + 1, "--dim");
      program->is_known[i] = true;
      return;
    }
  }
  fail_usage("--dim: the model has no size '%.*s'", (int)(equals - text), text);
}

static struct options parse(struct program *program, int count, char **arguments) {
  struct options options = {0};
  options.inputs = allocate((uint64_t)count * sizeof(char *));
  options.outputs = allocate((uint64_t)count * sizeof(char *));
  for (int i = 1; i < count; i++) {
    const char *value;
    if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
      options.help = true;
    } else if (strcmp(arguments[i], "--describe") == 0) {
      options.describe = true;
    } else if (strcmp(arguments[i], "--bench") == 0) {
      options.bench = true;
    } else if ((value = value_of("--input", &i, count, arguments))) {
      options.inputs[options.input_count++] = value;
    } else if ((value = value_of("--output", &i, count, arguments))) {
      options.outputs[options.output_count++] = value;
    } else if ((value = value_of("--dim", &i, count, arguments))) {
      set_dim(program, value);
    } else if ((value = value_of("--threads", &i, count, arguments))) {
      int64_t threads = number(value, "--threads");
      if (threads == 0 || threads > 1024) fail_usage("--threads: found %s, expected 1...1024", value);
      options.threads = (uint32_t)threads;
    } else if ((value = value_of("--weights", &i, count, arguments))) {
      options.weights = value;
    } else {
      fail_usage("unknown argument '%s'", arguments[i]);
    }
  }
  return options;
}

static void list_ports(
    const struct program *program, const char *what, const struct lamina_port *ports, uint32_t count, FILE *file) {
  for (uint32_t i = 0; i < count; i++) {
    char buffer[512];
    fprintf(file, "  %s %.*s  %s\n", what, TEXT(program, ports[i].name), port_type(program, &ports[i], buffer, sizeof buffer));
  }
}

/// Splits "NAME=PATH" and finds the port; with one port, or when nothing before '=' names one, all of it is a path.
static uint32_t find_port(
    const struct program *program, const char *argument, const char *option, const struct lamina_port *ports,
    uint32_t count, const char **path) {
  const char *equals = strchr(argument, '=');
  for (uint32_t i = 0; equals && i < count; i++) {
    if (is_text(program, ports[i].name, argument, (size_t)(equals - argument))) {
      *path = equals + 1;
      return i;
    }
  }
  *path = argument;
  if (count == 1 && (!equals || access(argument, F_OK) == 0)) return 0;
  fprintf(stderr, "the model has\n");
  list_ports(program, option + 2, ports, count, stderr);
  if (equals) fail_usage("%s: the model has no '%.*s'", option, (int)(equals - argument), argument);
  fail_usage("%s: found '%s', expected NAME=PATH since the model has %u", option, argument, count);
}

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
  uint32_t count = program->plan->symbols.count;
  for (uint32_t i = 0; i < count; i++) {
    const struct lamina_symbol *symbol = &symbols(program)[i];
    if (!program->is_known[i]) {
      if (!is_free && symbol->low != symbol->high) {
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

/// Opens the model with the weights asked for, or those beside the program that its metadata names.
static void open_model(struct program *program, const char *path) {
  const struct lamina_model *model = &lamina_main_model;
  const void *weights = NULL;
  uint64_t bytes = 0;
  char beside[PATH_MAX];
  if (path == NULL && model->weights == NULL && model->weights_bytes) {
    struct lamina_span name = {0, 0};
    ssize_t length = readlink("/proc/self/exe", beside, sizeof beside);
    while (length > 0 && beside[length - 1] != '/') length--;
    if (find_metadata(program, "weights", &name) && length > 0 && (size_t)length + name.count < sizeof beside) {
      memcpy(beside + length, text(program, name), name.count);
      beside[(size_t)length + name.count] = 0;
      path = beside;
    } else {
      fail("the weights are not inside, expected --weights PATH");
    }
  }
  if (path) {
    weights = read_file(path, &bytes);
    if (bytes != program->plan->weights_bytes) {
      fail("the weights '%s' have %llu bytes, expected %llu", path, (unsigned long long)bytes,
           (unsigned long long)program->plan->weights_bytes);
    }
  }
  lamina_close(program->context);
  enum lamina_status status = lamina_open(model, weights, bytes, &program->context);
  if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
}

/// Verifies the image by opening the model; weights that lie elsewhere are stood in for until the options are read.
static struct program verified_program(void) {
  const struct lamina_model *model = &lamina_main_model;
  struct program program = {.image = model->plan, .plan = model->plan};
  static const char nothing[64] __attribute__((aligned(64)));
  bool is_beside = model->weights == NULL && model->weights_bytes;
  enum lamina_status status =
      lamina_open(model, is_beside ? nothing : NULL, is_beside ? model->weights_bytes : 0, &program.context);
  if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
  program.dims = allocate((uint64_t)program.plan->symbols.count * sizeof *program.dims);
  program.is_known = allocate(program.plan->symbols.count);
  memset(program.is_known, 0, program.plan->symbols.count);
  return program;
}

static void read_inputs(struct program *program, const struct options *options) {
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
  for (uint32_t i = 0; i < count; i++) {
    const struct lamina_port *port = &inputs(program)[i];
    uint64_t bytes = lamina_input_bytes(program->context, i);
    const void *data = paths[i] ? elements(program, port, &tensors[i], paths[i], bytes) : made_up(port->dtype, bytes);
    enum lamina_status status = lamina_set_input(program->context, i, data);
    if (status != LAMINA_OK) fail("input '%.*s': %s", TEXT(program, port->name), lamina_status_text(status));
  }
}

static struct tensor output_tensor(struct program *program, uint32_t index) {
  const struct lamina_port *port = &outputs(program)[index];
  void *data = allocate(lamina_output_bytes(program->context, index));
  struct tensor tensor = {.data = data, .dtype = port->dtype, .rank = port->shape.count, .count = 1};
  for (uint32_t axis = 0; axis < tensor.rank; axis++) {
    tensor.shape[axis] = lamina_value(program->context, axis_expression(program, port, axis));
    tensor.count *= tensor.shape[axis];
  }
  enum lamina_status status = lamina_set_output(program->context, index, data);
  if (status != LAMINA_OK) fail("output '%.*s': %s", TEXT(program, port->name), lamina_status_text(status));
  return tensor;
}

static void write_output(const char *path, const struct tensor *tensor) {
  if (has_extension(path, ".csv")) {
    write_csv(path, tensor);
  } else if (has_extension(path, ".npy")) {
    write_npy(path, tensor);
  } else {
    write_bytes(path, tensor->data, tensor_bytes(tensor->dtype, tensor->count));
  }
}

int main(int count, char **arguments) {
  struct program program = verified_program();
  struct options options = parse(&program, count, arguments);
  if (options.help) {
    print_help(&program, arguments[0] ? arguments[0] : "model");
    return 0;
  }
  if (options.describe) {
    print_description(&program, options.threads);
    return 0;
  }
  uint32_t output_count = program.plan->outputs.count;
  const char **paths = allocate((uint64_t)output_count * sizeof *paths);
  memset(paths, 0, (size_t)output_count * sizeof *paths);
  for (uint32_t i = 0; i < options.output_count; i++) {
    const char *path;
    uint32_t port = find_port(&program, options.outputs[i], "--output", outputs(&program), output_count, &path);
    if (paths[port]) fail_usage("--output: '%.*s' is given twice", TEXT(&program, outputs(&program)[port].name));
    paths[port] = path;
  }
  bool is_open = options.weights == NULL && (lamina_main_model.weights || lamina_main_model.weights_bytes == 0);
  if (!is_open) open_model(&program, options.weights);
  read_inputs(&program, &options);
  struct tensor *tensors = allocate((uint64_t)output_count * sizeof *tensors);
  for (uint32_t i = 0; i < output_count; i++) tensors[i] = output_tensor(&program, i);
  if (options.bench) {
    print_bench(&program, options.threads);
  } else {
    enum lamina_status status = lamina_run(program.context, NULL);
    if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
  }
  // Files come first: what is printed is then the word of a run that has done all it was asked.
  for (uint32_t i = 0; i < output_count; i++) {
    if (paths[i]) write_output(paths[i], &tensors[i]);
  }
  for (uint32_t i = 0; i < output_count && !options.bench; i++) {
    if (!paths[i]) print_summary(&program, &outputs(&program)[i], &tensors[i]);
  }
  lamina_close(program.context);
  if (fflush(stdout) != 0) fail("cannot write the standard output: %s", strerror(errno));
  return 0;
}
