// SPDX-License-Identifier: Apache-2.0
// Runs, with memory that grows where a size that a run finds has no bound.

#include "lamina_main.h"

void make_outputs(struct program *program) {
  uint32_t count = program->plan->outputs.count;
  if (program->outputs == NULL) program->outputs = allocate((uint64_t)count * sizeof *program->outputs);
  for (uint32_t i = 0; i < count; i++) {
    program->outputs[i] = allocate(lamina_output_bytes(program->context, i));
    enum lamina_status status = lamina_set_output(program->context, i, program->outputs[i]);
    if (status != LAMINA_OK) {
      fail("output '%.*s': %s", TEXT(program, outputs(program)[i].name), lamina_status_text(status));
    }
  }
}

/// Binds twice the room, or as much as the last run needed.
static void grow(struct program *program, uint32_t threads) {
  int64_t size;
  uint32_t index = lamina_needed_room(program->context, &size);
  if (index >= symbol_count(program)) fail("%s", lamina_status_text(LAMINA_NEEDS_ROOM));
  int64_t most = symbols(program)[index].high;
  int64_t twice = program->dims[index] > most / 2 ? most : 2 * program->dims[index];
  program->dims[index] = size > twice ? size : twice;
  enum lamina_status status = lamina_bind(program->context, program->dims, symbol_count(program), threads);
  if (status != LAMINA_OK) {
    fail("%s: '%.*s' would be %lld", lamina_status_text(status), TEXT(program, symbols(program)[index].name),
         (long long)program->dims[index]);
  }
  for (uint32_t i = 0; i < program->plan->inputs.count; i++) {
    status = lamina_set_input(program->context, i, program->inputs[i]);
    if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
  }
  make_outputs(program);
}

void run_model(struct program *program, uint32_t threads, uint64_t *nanoseconds) {
  enum lamina_status status;
  while ((status = lamina_run(program->context, nanoseconds)) == LAMINA_NEEDS_ROOM) grow(program, threads);
  if (status == LAMINA_BAD_SIZE) fail("a size that was found while the model ran is below 0 or beyond its bound");
  if (status != LAMINA_OK) fail("%s", lamina_status_text(status));
}
