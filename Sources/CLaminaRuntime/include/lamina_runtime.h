// SPDX-License-Identifier: Apache-2.0
// The contract of generated code, the Swift runtime, C programs and executables.
//
// A compiled model is kernels (machine code), a plan image (what to call on which memory) and weights. The plan image
// is flat, little endian, position independent and read in place. A reader trusts nothing in it before
// `lamina_open` (or `Model.init` in Swift) has verified it; the kernels are native code and are trusted.
#ifndef LAMINA_RUNTIME_H
#define LAMINA_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Kernels ------------------------------------------------------------------------------------------------- */

/// One kernel: tiles [begin, end) of its parallel axis. `buffers`: the pointers of its parameters, in order. `sizes`:
/// its run-time sizes, in order. `scratch`: this thread's own memory of the size that the plan says, 64-byte aligned.
/// Distinct tiles write distinct elements, so the results do not depend on how tiles are spread over threads.
typedef void (*lamina_kernel)(
    void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end, void *scratch);

/* ---- Models -------------------------------------------------------------------------------------------------- */

/// "LAMINMDL" in memory.
static const uint64_t LAMINA_MODEL_MAGIC = UINT64_C(0x4c444d4e494d414c);

/// What a generated object exports as `lamina_model_<name>`.
struct lamina_model {
  uint64_t magic;
  const void *plan;
  uint64_t plan_bytes;
  const lamina_kernel *kernels;
  uint64_t kernel_count;
  const void *weights; // NULL: they are in a file of their own
  uint64_t weights_bytes;
};

/* ---- Status -------------------------------------------------------------------------------------------------- */

/// What a call came to. Nothing aborts, prints or installs handlers; a failed call leaves its context usable.
enum lamina_status {
  LAMINA_OK = 0,
  LAMINA_BAD_MODEL,         // not a model descriptor, or kernels or weights do not belong to the plan
  LAMINA_BAD_IMAGE,         // the plan image is damaged
  LAMINA_BAD_VERSION,       // the plan image is of another version
  LAMINA_BAD_DIM,           // a size is outside of the range that the model declares
  LAMINA_BAD_SIZE,          // sizes lead to a negative or too large number
  LAMINA_BAD_INDEX,         // there is no such input, output or step
  LAMINA_BAD_POINTER,       // a pointer is null or not aligned to its element type
  LAMINA_NOT_BOUND,         // the sizes are not bound yet
  LAMINA_MISSING_INPUT,     // an input or output has no memory yet
  LAMINA_OUT_OF_MEMORY,     // the system refused memory
  LAMINA_ARENA_TOO_SMALL,   // the caller's arena does not hold the plan at these sizes
  LAMINA_NEEDS_ROOM,        // a run found a size beyond the one that the caller bound for it: `lamina_needed_room`
  LAMINA_STATUS_COUNT
};

/// The status in words, for example "the plan image is damaged"; never NULL.
const char *lamina_status_text(enum lamina_status status);

/* ---- Running ------------------------------------------------------------------------------------------------- */

/// A model with its sizes bound and memory of its own. One thread at a time may use it.
struct lamina_context;

/// Verifies a model and makes a context. `weights` may replace the model's own (NULL: those of the model).
enum lamina_status lamina_open(
    const struct lamina_model *model, const void *weights, uint64_t weights_bytes, struct lamina_context **context);

/// Binds the model's symbols, in the plan's order, and readies memory and threads. `threads` 0: the cores that this
/// process may use. May be called again with other sizes. Inputs and outputs have to be set after it.
enum lamina_status lamina_bind(
    struct lamina_context *context, const int64_t *dims, uint32_t dim_count, uint32_t threads);

/// Does parts 0 ..< parts of `body(argument, part)`, in any order and on any threads, before it returns.
typedef void (*lamina_parallel)(
    void *host, uint32_t parts, void (*body)(void *argument, uint32_t part), void *argument);

/// Hands parallel work to the host's threads, in place of the context's own; NULL takes
/// that back. Call it before `lamina_bind`, with `threads` there for the number of parts.
enum lamina_status lamina_set_parallel(struct lamina_context *context, lamina_parallel parallel, void *host);

/// Sets where an input is read or an output is written, row-major; the memory stays the caller's.
enum lamina_status lamina_set_input(struct lamina_context *context, uint32_t index, const void *data);
enum lamina_status lamina_set_output(struct lamina_context *context, uint32_t index, void *data);

/// Bytes of an input or output at the bound sizes; 0 when there is none or nothing is bound. An output whose sizes the
/// model finds while it runs needs room for the most it can be; its elements are contiguous at its actual sizes.
uint64_t lamina_input_bytes(const struct lamina_context *context, uint32_t index);
uint64_t lamina_output_bytes(const struct lamina_context *context, uint32_t index);

/// Bytes of the arena, scratch memory of all threads included, at the bound sizes.
uint64_t lamina_arena_bytes(const struct lamina_context *context);

/// The value of one of the plan's expressions at the bound sizes, and at those that the last run found; 0 when there is
/// none or nothing is bound.
int64_t lamina_value(const struct lamina_context *context, uint32_t expression);

/// Runs all steps. Allocates nothing. `nanoseconds`: NULL, or room for the time of each step (of all its repetitions;
/// of a loop or branch what it takes itself).
enum lamina_status lamina_run(struct lamina_context *context, uint64_t *nanoseconds);

/// After LAMINA_NEEDS_ROOM: what the returned symbol has to be bound to at least (`size`) for the run to go on. A symbol
/// that no input shows and whose name starts with '_' is room for such sizes: bind more, set inputs and outputs again,
/// and run again. LAMINA_NONE when the last run did not end so.
uint32_t lamina_needed_room(const struct lamina_context *context, int64_t *size);

/// Ends the threads and frees all memory. NULL is allowed.
void lamina_close(struct lamina_context *context);

/* ---- Plan image ---------------------------------------------------------------------------------------------- */

/// "LAMINPLN" in memory.
static const uint64_t LAMINA_PLAN_MAGIC = UINT64_C(0x4e4c504e494d414c);
#define LAMINA_PLAN_VERSION 3
/// How deep loops and branches may be nested.
#define LAMINA_NESTING_LIMIT 32
/// No expression, no symbol.
#define LAMINA_NONE UINT32_MAX
#define LAMINA_ALIGNMENT 64
/// Bytes above which no buffer, arena or scratch area is accepted.
static const int64_t LAMINA_MAX_BYTES = INT64_C(1) << 46;

/// Element types.
enum lamina_dtype {
  LAMINA_F32 = 1, LAMINA_F64, LAMINA_F16, LAMINA_BF16,
  LAMINA_I8, LAMINA_I16, LAMINA_I32, LAMINA_I64,
  LAMINA_U8, LAMINA_U16, LAMINA_U32, LAMINA_U64,
  LAMINA_BOOL,
  LAMINA_I4, LAMINA_U4, // two elements a byte, low nibble first
  LAMINA_DTYPE_END
};

/// Elements of a table: `offset` bytes from the start of the image, a multiple of 8. Text: UTF-8 bytes, any offset.
struct lamina_span { uint32_t offset, count; };

/// Elements `first ..< first + count` of the table of indices or of references.
struct lamina_list { uint32_t first, count; };

struct lamina_metadata { struct lamina_span key, value; };

/// A size. `bound` is LAMINA_NONE for one that the caller binds; these come first. Others are set by steps: `bound` is
/// the expression of their largest value, which they have until then, and the lists are what follows from them: the
/// expressions in ascending order, the references, the steps whose tiles or sizes change.
struct lamina_symbol {
  struct lamina_span name; int64_t low, high; uint32_t bound, reserved;
  struct lamina_list expressions, references, steps;
};

/// An input or output; `shape` lists expressions, and the expression `capacity` is the elements it needs room for.
struct lamina_port { struct lamina_span name; struct lamina_list shape; uint32_t dtype, capacity; };

/// A part of the weights; `shape` lists expressions.
struct lamina_constant {
  struct lamina_span name; struct lamina_list shape; uint32_t dtype, reserved; uint64_t offset, bytes;
};

/// A piece of the arena, above the buffers (all of lower number) that `below` lists; `bytes` is an expression.
struct lamina_buffer {
  struct lamina_span name; struct lamina_list below; uint32_t bytes, first_step, last_step, reserved;
};

enum lamina_space { LAMINA_ARENA, LAMINA_CONSTANT, LAMINA_INPUT, LAMINA_OUTPUT, LAMINA_SPACE_END };

/// A pointer for a kernel; `offset` is an expression, in bytes.
struct lamina_reference { uint32_t space, index, offset, reserved; };

enum lamina_step_kind {
  LAMINA_CALL,
  /// Runs the next `body` steps while all of these let it: at most `tiles` times; at most the i64 that the first
  /// reference points at; the bool of the next reference is true, before the first time; the bool of the last is true,
  /// after each. Symbol `kernel` is the number of the iteration; then symbol `count` is how many there were.
  LAMINA_LOOP,
  /// Runs the next `body` steps when the bool that its reference points at is true, else the `otherwise` after those.
  LAMINA_BRANCH,
  /// Sets symbol `kernel` to the i64 that its reference points at.
  LAMINA_SIZE,
  LAMINA_STEP_KIND_END
};

/// The references that a loop has, in this order.
enum lamina_loop_operands { LAMINA_LOOP_LIMIT = 1, LAMINA_LOOP_CONDITION = 2, LAMINA_LOOP_NEXT = 4 };

/// A kernel call, or what controls the steps after it; `tiles` and `scratch` (bytes a thread) are expressions, `sizes`
/// lists expressions.
struct lamina_step {
  uint32_t kind, kernel, tiles, scratch, body, otherwise, count, operands;
  struct lamina_list references, sizes;
  struct lamina_span label;
  uint64_t picoseconds_per_tile;
};

enum lamina_operation {
  LAMINA_LITERAL,   // right
  LAMINA_SYMBOL,    // the size bound to symbol `right`
  LAMINA_ADD, LAMINA_SUBTRACT, LAMINA_MULTIPLY,
  LAMINA_FLOOR_DIVIDE, // toward minus infinity
  LAMINA_MODULO,       // with the sign of the divisor
  LAMINA_MINIMUM, LAMINA_MAXIMUM,
  LAMINA_OPERATION_END
};

/// One node; `left` and `right` of the arithmetic ones are expressions of lower number. So values come from one pass
/// in order, without a stack.
struct lamina_expression { uint32_t operation, left; int64_t right; };

/// Steps that run in place of the general ones for some sizes: when the caller binds each symbol to the value of the
/// expression of its place in `dims`. The first that fits is taken. Variants' steps follow one another up to the last
/// step of the plan, the general ones come before the first; a buffer belongs to the steps that its first step is among.
struct lamina_variant { struct lamina_list dims; uint32_t first_step, step_count; };

/// The start of the image.
struct lamina_plan {
  uint64_t magic;
  uint32_t version;
  uint32_t alignment;
  uint64_t image_bytes;
  uint64_t checksum; // `lamina_checksum` of the image with zero here
  uint64_t weights_bytes;
  struct lamina_span name;
  struct lamina_span metadata, symbols, inputs, outputs, constants, buffers, steps;
  struct lamina_span kernels;     // struct lamina_span: names
  struct lamina_span expressions;
  struct lamina_span references;
  struct lamina_span indices;     // uint32_t
  struct lamina_span variants;
};

/// The checksum of an image of `bytes` bytes, a multiple of 8, at an 8-byte aligned address; what stands in its
/// `checksum` field does not count.
uint64_t lamina_checksum(const void *image, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
