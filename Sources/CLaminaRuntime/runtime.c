// SPDX-License-Identifier: Apache-2.0
// Status texts, the checksum of plan images, and the layouts that generated images rely on.

#include "lamina_runtime.h"

#include <stddef.h>

const char *lamina_status_text(enum lamina_status status) {
  switch (status) {
  case LAMINA_OK: return "done";
  case LAMINA_BAD_MODEL: return "the model's descriptor, kernels or weights do not belong together";
  case LAMINA_BAD_IMAGE: return "the plan image is damaged";
  case LAMINA_BAD_VERSION: return "the plan image is of another version of the runtime";
  case LAMINA_BAD_DIM: return "a size is outside of the range that the model declares";
  case LAMINA_BAD_SIZE: return "the sizes lead to a negative or too large number";
  case LAMINA_BAD_INDEX: return "there is no such input, output or step";
  case LAMINA_BAD_POINTER: return "a pointer is null or not aligned to its element type";
  case LAMINA_NOT_BOUND: return "the sizes are not bound yet";
  case LAMINA_MISSING_INPUT: return "an input or output has no memory yet";
  case LAMINA_OUT_OF_MEMORY: return "the system has no more memory";
  case LAMINA_ARENA_TOO_SMALL: return "the arena is too small for these sizes";
  case LAMINA_NEEDS_ROOM: return "a size that the run found needs more room";
  case LAMINA_STATUS_COUNT: break;
  }
  return "unknown status";
}

// FNV-1a over 8-byte words, with a rotation so that high bits reach low ones.
uint64_t lamina_checksum(const void *image, uint64_t bytes) {
  const uint64_t *words = image;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint64_t i = 0; i < bytes / 8; i++) {
    uint64_t word = i == offsetof(struct lamina_plan, checksum) / 8 ? 0 : words[i];
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
    hash = hash << 31 | hash >> 33;
  }
  return hash;
}

#define LAYOUT(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has padding or another size")
LAYOUT(lamina_span, 8);
LAYOUT(lamina_list, 8);
LAYOUT(lamina_metadata, 16);
LAYOUT(lamina_symbol, 56);
LAYOUT(lamina_port, 24);
LAYOUT(lamina_constant, 40);
LAYOUT(lamina_buffer, 32);
LAYOUT(lamina_reference, 16);
LAYOUT(lamina_step, 64);
LAYOUT(lamina_expression, 16);
LAYOUT(lamina_variant, 16);
LAYOUT(lamina_plan, 144);
LAYOUT(lamina_model, 56);
