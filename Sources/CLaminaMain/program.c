// SPDX-License-Identifier: Apache-2.0
// The entry point of executables: verifies the model, finds its weights, runs it, writes the outputs.

#define _GNU_SOURCE
#include "lamina_main.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
  program.dims = allocate((uint64_t)symbol_count(&program) * sizeof *program.dims);
  program.is_known = allocate(symbol_count(&program));
  memset(program.is_known, 0, symbol_count(&program));
  return program;
}

/// An output after a run, some sizes of which may be known from then on only.
static struct tensor output_tensor(struct program *program, uint32_t index) {
  const struct lamina_port *port = &outputs(program)[index];
  struct tensor tensor = {.data = program->outputs[index], .dtype = port->dtype, .rank = port->shape.count, .count = 1};
  for (uint32_t axis = 0; axis < tensor.rank; axis++) {
    tensor.shape[axis] = lamina_value(program->context, axis_expression(program, port, axis));
    tensor.count *= tensor.shape[axis];
  }
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
  struct options options = parse_options(&program, count, arguments);
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
  make_outputs(&program);
  if (options.bench) {
    print_bench(&program, options.threads);
  } else {
    run_model(&program, options.threads, NULL);
  }
  struct tensor *tensors = allocate((uint64_t)output_count * sizeof *tensors);
  for (uint32_t i = 0; i < output_count; i++) tensors[i] = output_tensor(&program, i);
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
