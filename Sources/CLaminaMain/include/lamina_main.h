// SPDX-License-Identifier: Apache-2.0
// The program around a compiled model: what its parts share.
#ifndef LAMINA_MAIN_H
#define LAMINA_MAIN_H

#include "lamina_runtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_RANK = 64 };

/// A tensor in memory or in a mapped file: row-major, contiguous.
struct tensor {
  const void *data;
  uint32_t dtype;
  uint32_t rank;
  int64_t shape[MAX_RANK];
  int64_t count;
  bool is_raw;   // bytes without a type: dtype and shape are whatever the model wants, `count` is in bytes
  bool is_table; // rows of numbers: shape is [rows, columns], whatever the model's rank
};

/// The model that the program was linked with; its image is verified before anything else reads it.
extern const struct lamina_model lamina_main_model;

/// A verified model with a context.
struct program {
  const char *image;
  const struct lamina_plan *plan;
  struct lamina_context *context;
  int64_t *dims;  // one for each symbol
  bool *is_known; // whether `dims` holds its size yet
  const void **inputs; // one for each input
  void **outputs;      // one for each output
};

/* ---- fail.c: prints "error: …" and ends the program ---- */

/// The input is wrong: exit code 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// The command line is wrong: exit code 2.
_Noreturn void fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(uint64_t bytes);

/// The options as given.
struct options {
  const char **inputs, **outputs; // "NAME=PATH" in order
  uint32_t input_count, output_count;
  const char *weights;
  uint32_t threads; // 0: as many as cores
  bool help, describe, bench;
};

/* ---- options.c, inputs.c: what the caller gives ---- */

/// Reads the command line; sizes given go to `program`.
struct options parse_options(struct program *program, int count, char **arguments);
void list_ports(
    const struct program *program, const char *what, const struct lamina_port *ports, uint32_t count, FILE *file);
/// Splits "NAME=PATH" and finds the port; with one port, or when nothing before '=' names one, all of it is a path.
uint32_t find_port(
    const struct program *program, const char *argument, const char *option, const struct lamina_port *ports,
    uint32_t count, const char **path);
/// Reads all inputs, binds the sizes they give, and sets them.
void read_inputs(struct program *program, const struct options *options);

/* ---- run.c: runs ---- */

/// Makes memory for the outputs at the bound sizes.
void make_outputs(struct program *program);
/// Runs once. Where a size that the run found needs more room, that grows and the run starts anew.
void run_model(struct program *program, uint32_t threads, uint64_t *nanoseconds);

/* ---- plan.c: reading the plan ---- */

const struct lamina_symbol *symbols(const struct program *program);
/// How many sizes the caller binds: the first symbols.
uint32_t symbol_count(const struct program *program);
const struct lamina_port *inputs(const struct program *program);
const struct lamina_port *outputs(const struct program *program);
const char *text(const struct program *program, struct lamina_span span);
/// Arguments for "%.*s".
#define TEXT(program, span) (int)(span).count, text(program, span)
bool is_text(const struct program *program, struct lamina_span span, const char *string, size_t length);
/// The metadata under a key; false when there is none.
bool find_metadata(const struct program *program, const char *key, struct lamina_span *value);
/// Whether a symbol is room for sizes that a run finds: no input shows it, and it grows when a run needs more.
bool is_room(const struct program *program, uint32_t symbol);
/// The symbol that an axis is, or -1 when it is another expression.
int64_t axis_symbol(const struct program *program, const struct lamina_port *port, uint32_t axis);
/// The expression of an axis.
uint32_t axis_expression(const struct program *program, const struct lamina_port *port, uint32_t axis);
/// A type such as "f32[N, 784]" in a buffer, as declared or with the bound sizes.
const char *port_type(const struct program *program, const struct lamina_port *port, char *buffer, size_t size);
const char *bound_type(const struct program *program, const struct lamina_port *port, char *buffer, size_t size);
const char *tensor_type(const struct tensor *tensor, char *buffer, size_t size);
/// One expression, as declared.
const char *expression_text(const struct program *program, uint32_t index, char *buffer, size_t size);

/* ---- values.c: elements ---- */

const char *dtype_name(uint32_t dtype);
bool is_float(uint32_t dtype);
/// Bytes of `count` elements.
uint64_t tensor_bytes(uint32_t dtype, int64_t count);
double get_double(uint32_t dtype, const void *data, int64_t index);
int64_t get_integer(uint32_t dtype, const void *data, int64_t index);
void set_double(uint32_t dtype, void *data, int64_t index, double value);
void set_integer(uint32_t dtype, void *data, int64_t index, int64_t value);

/* ---- npy.c, csv.c: files ---- */

/// A file's bytes, mapped; a pipe is read. Fails with a message that names the path.
const void *read_file(const char *path, uint64_t *bytes);
/// Whether the path ends so, in any case.
bool has_extension(const char *path, const char *extension);
struct tensor read_npy(const char *path, const char *bytes, uint64_t count);
void write_npy(const char *path, const struct tensor *tensor);
struct tensor read_csv(const char *path, const char *bytes, uint64_t count);
void write_csv(const char *path, const struct tensor *tensor);
void write_bytes(const char *path, const void *bytes, uint64_t count);

/* ---- report.c, bench.c: what is printed ---- */

void print_help(const struct program *program, const char *name);
void print_description(struct program *program, uint32_t threads);
void print_summary(const struct program *program, const struct lamina_port *port, const struct tensor *tensor);
void print_bench(struct program *program, uint32_t threads);

#endif
