// SPDX-License-Identifier: Apache-2.0
// Reading a verified plan image: names, shapes, expressions as text.

#include "lamina_main.h"

#include <stdio.h>
#include <string.h>

static const void *table(const struct program *program, struct lamina_span span) {
  return program->image + span.offset;
}

const struct lamina_symbol *symbols(const struct program *program) { return table(program, program->plan->symbols); }
uint32_t symbol_count(const struct program *program) {
  uint32_t count = 0;
  while (count < program->plan->symbols.count && symbols(program)[count].bound == LAMINA_NONE) count++;
  return count;
}

const struct lamina_port *inputs(const struct program *program) { return table(program, program->plan->inputs); }
const struct lamina_port *outputs(const struct program *program) { return table(program, program->plan->outputs); }
const char *text(const struct program *program, struct lamina_span span) { return table(program, span); }

bool is_text(const struct program *program, struct lamina_span span, const char *string, size_t length) {
  return span.count == length && memcmp(text(program, span), string, length) == 0;
}

bool find_metadata(const struct program *program, const char *key, struct lamina_span *value) {
  const struct lamina_metadata *items = table(program, program->plan->metadata);
  for (uint32_t i = 0; i < program->plan->metadata.count; i++) {
    if (is_text(program, items[i].key, key, strlen(key))) {
      *value = items[i].value;
      return true;
    }
  }
  return false;
}

uint32_t axis_expression(const struct program *program, const struct lamina_port *port, uint32_t axis) {
  const uint32_t *indices = table(program, program->plan->indices);
  return indices[port->shape.first + axis];
}

static const struct lamina_expression *expression(const struct program *program, uint32_t index) {
  return (const struct lamina_expression *)table(program, program->plan->expressions) + index;
}

bool is_room(const struct program *program, uint32_t symbol) {
  struct lamina_span name = symbols(program)[symbol].name;
  return !program->is_known[symbol] && name.count && text(program, name)[0] == '_';
}

int64_t axis_symbol(const struct program *program, const struct lamina_port *port, uint32_t axis) {
  const struct lamina_expression *node = expression(program, axis_expression(program, port, axis));
  return node->operation == LAMINA_SYMBOL && node->right < symbol_count(program) ? node->right : -1;
}

/// A text that grows in a fixed buffer and stops at its end.
struct writer {
  char *buffer;
  size_t size, used;
  int nodes; // expressions written, so that a shared one cannot blow up
};

static void put(struct writer *writer, const char *bytes, size_t count) {
  if (writer->used + 1 >= writer->size) return;
  size_t room = writer->size - writer->used - 1;
  if (count > room) count = room;
  memcpy(writer->buffer + writer->used, bytes, count);
  writer->used += count;
  writer->buffer[writer->used] = 0;
}

static void put_string(struct writer *writer, const char *string) { put(writer, string, strlen(string)); }

static void put_integer(struct writer *writer, int64_t value) {
  char digits[24];
  put(writer, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

static void put_expression(struct writer *writer, const struct program *program, uint32_t index, int depth) {
  const struct lamina_expression *node = expression(program, index);
  static const char *const between[] = {
      [LAMINA_ADD] = " + ", [LAMINA_SUBTRACT] = " - ", [LAMINA_MULTIPLY] = " * ",
      [LAMINA_FLOOR_DIVIDE] = " // ", [LAMINA_MODULO] = " % ", [LAMINA_MINIMUM] = ", ", [LAMINA_MAXIMUM] = ", "};
  if (depth > 16 || ++writer->nodes > 64) {
    put_string(writer, "…");
  } else if (node->operation == LAMINA_LITERAL) {
    put_integer(writer, node->right);
  } else if (node->operation == LAMINA_SYMBOL) {
    struct lamina_span name = symbols(program)[node->right].name;
    put(writer, text(program, name), name.count);
  } else {
    bool named = node->operation == LAMINA_MINIMUM || node->operation == LAMINA_MAXIMUM;
    if (named) put_string(writer, node->operation == LAMINA_MINIMUM ? "min" : "max");
    if (named || depth > 0) put_string(writer, "(");
    put_expression(writer, program, node->left, named ? 0 : depth + 1);
    put_string(writer, between[node->operation]);
    put_expression(writer, program, (uint32_t)node->right, named ? 0 : depth + 1);
    if (named || depth > 0) put_string(writer, ")");
  }
}

const char *expression_text(const struct program *program, uint32_t index, char *buffer, size_t size) {
  struct writer writer = {buffer, size, 0, 0};
  buffer[0] = 0;
  put_expression(&writer, program, index, 0);
  return buffer;
}

static const char *type_text(
    const struct program *program, const struct lamina_port *port, bool is_bound, char *buffer, size_t size) {
  struct writer writer = {buffer, size, 0, 0};
  buffer[0] = 0;
  put_string(&writer, dtype_name(port->dtype));
  put_string(&writer, "[");
  for (uint32_t axis = 0; axis < port->shape.count; axis++) {
    if (axis) put_string(&writer, ", ");
    uint32_t index = axis_expression(program, port, axis);
    if (is_bound) {
      put_integer(&writer, lamina_value(program->context, index));
    } else {
      writer.nodes = 0;
      put_expression(&writer, program, index, 0);
    }
  }
  put_string(&writer, "]");
  return buffer;
}

const char *port_type(const struct program *program, const struct lamina_port *port, char *buffer, size_t size) {
  return type_text(program, port, false, buffer, size);
}

const char *bound_type(const struct program *program, const struct lamina_port *port, char *buffer, size_t size) {
  return type_text(program, port, true, buffer, size);
}

const char *tensor_type(const struct tensor *tensor, char *buffer, size_t size) {
  struct writer writer = {buffer, size, 0, 0};
  buffer[0] = 0;
  if (tensor->is_raw) {
    put_integer(&writer, tensor->count);
    put_string(&writer, " bytes");
    return buffer;
  }
  put_string(&writer, tensor->is_table ? "rows of numbers" : dtype_name(tensor->dtype));
  put_string(&writer, "[");
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    if (axis) put_string(&writer, ", ");
    put_integer(&writer, tensor->shape[axis]);
  }
  put_string(&writer, "]");
  return buffer;
}
