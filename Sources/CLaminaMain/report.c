// SPDX-License-Identifier: Apache-2.0
// What the program says about its model and its results.

#include "lamina_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_ports(
    const struct program *program, const char *title, const struct lamina_port *ports, uint32_t count) {
  char buffer[512];
  printf("%s\n", title);
  for (uint32_t i = 0; i < count; i++) {
    printf("  %.*s  %s\n", TEXT(program, ports[i].name), port_type(program, &ports[i], buffer, sizeof buffer));
  }
}

void print_help(const struct program *program, const char *name) {
  const struct lamina_plan *plan = program->plan;
  printf("%.*s, a compiled model\n\n", TEXT(program, plan->name));
  printf("usage: %s [--input NAME=PATH]... [--output NAME=PATH]... [--dim NAME=SIZE]... [--threads N]\n", name);
  printf("       %s --bench | --describe | --help\n\n", name);
  print_ports(program, "inputs", inputs(program), plan->inputs.count);
  print_ports(program, "outputs", outputs(program), plan->outputs.count);
  for (uint32_t i = 0; i < symbol_count(program); i++) {
    if (i == 0) printf("sizes\n");
    const struct lamina_symbol *symbol = &symbols(program)[i];
    printf("  %.*s  %lld...%lld\n", TEXT(program, symbol->name), (long long)symbol->low, (long long)symbol->high);
  }
  printf(
      "\noptions\n"
      "  --input NAME=PATH   reads .npy, .csv (rows of numbers) or raw elements; one input needs no NAME=\n"
      "  --output NAME=PATH  writes .npy, .csv or raw elements; outputs not asked for are summarised\n"
      "  --dim NAME=SIZE     a size that the inputs do not give\n"
      "  --threads N         threads to use (default: the cores this process may use)\n"
      "  --weights PATH      weights in place of those built in\n"
      "  --bench             measures the latency, on made-up inputs unless some are given\n"
      "  --describe          the model as JSON\n");
  if (plan->inputs.count && plan->outputs.count) {
    printf("\nexample: %s --input %.*s=x.npy --output %.*s=y.npy\n", name, TEXT(program, inputs(program)[0].name),
           TEXT(program, outputs(program)[0].name));
  }
}

static void print_json(const char *bytes, uint32_t count) {
  putchar('"');
  for (uint32_t i = 0; i < count; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (byte == '"' || byte == '\\') {
      printf("\\%c", byte);
    } else if (byte < 0x20) {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

static void print_json_text(const struct program *program, struct lamina_span span) {
  print_json(text(program, span), span.count);
}

static void print_json_ports(
    const struct program *program, const char *key, const struct lamina_port *ports, uint32_t count) {
  printf("  \"%s\": [", key);
  for (uint32_t i = 0; i < count; i++) {
    char buffer[512];
    printf(i ? ",\n    {\"name\": " : "\n    {\"name\": ");
    print_json_text(program, ports[i].name);
    printf(", \"type\": ");
    port_type(program, &ports[i], buffer, sizeof buffer);
    print_json(buffer, (uint32_t)strlen(buffer));
    printf(", \"dtype\": \"%s\", \"shape\": [", dtype_name(ports[i].dtype));
    for (uint32_t axis = 0; axis < ports[i].shape.count; axis++) {
      expression_text(program, axis_expression(program, &ports[i], axis), buffer, sizeof buffer);
      // A number stays a number; anything else is a string.
      bool is_number = strspn(buffer, "-0123456789") == strlen(buffer);
      if (axis) printf(", ");
      if (is_number) fputs(buffer, stdout);
      if (!is_number) print_json(buffer, (uint32_t)strlen(buffer));
    }
    printf("]}");
  }
  printf("],\n");
}

/// The arena's size for one binding of the symbols, or null when it cannot be bound.
static void print_json_arena(struct program *program, const char *key, bool is_worst, uint32_t threads) {
  uint32_t count = symbol_count(program);
  printf("  \"%s\": {\"sizes\": {", key);
  for (uint32_t i = 0; i < count; i++) {
    const struct lamina_symbol *symbol = &symbols(program)[i];
    int64_t least = symbol->low ? symbol->low : symbol->high > 0;
    if (!program->is_known[i]) program->dims[i] = is_worst ? symbol->high : least;
    if (i) printf(", ");
    print_json_text(program, symbol->name);
    printf(": %lld", (long long)program->dims[i]);
  }
  if (lamina_bind(program->context, program->dims, count, threads) == LAMINA_OK) {
    printf("}, \"bytes\": %llu},\n", (unsigned long long)lamina_arena_bytes(program->context));
  } else {
    printf("}, \"bytes\": null},\n");
  }
}

/// The sizes with code of their own: a number for each dim, null where it may be any.
static void print_json_variants(const struct program *program) {
  const struct lamina_plan *plan = program->plan;
  const struct lamina_variant *variants = (const struct lamina_variant *)(program->image + plan->variants.offset);
  const uint32_t *indices = (const uint32_t *)(program->image + plan->indices.offset);
  const struct lamina_expression *expressions =
      (const struct lamina_expression *)(program->image + plan->expressions.offset);
  printf("  \"fast\": [");
  for (uint32_t i = 0; i < plan->variants.count; i++) {
    printf(i ? ", {" : "{");
    for (uint32_t k = 0; k < variants[i].dims.count; k++) {
      const struct lamina_expression *size = &expressions[indices[variants[i].dims.first + k]];
      if (k) printf(", ");
      print_json_text(program, symbols(program)[k].name);
      if (size->operation == LAMINA_LITERAL) printf(": %lld", (long long)size->right);
      if (size->operation != LAMINA_LITERAL) printf(": null");
    }
    putchar('}');
  }
  printf("],\n");
}

void print_description(struct program *program, uint32_t threads) {
  const struct lamina_plan *plan = program->plan;
  printf("{\n  \"name\": ");
  print_json_text(program, plan->name);
  printf(",\n");
  print_json_ports(program, "inputs", inputs(program), plan->inputs.count);
  print_json_ports(program, "outputs", outputs(program), plan->outputs.count);
  printf("  \"dims\": {");
  for (uint32_t i = 0; i < symbol_count(program); i++) {
    const struct lamina_symbol *symbol = &symbols(program)[i];
    if (i) printf(", ");
    print_json_text(program, symbol->name);
    printf(": [%lld, %lld]", (long long)symbol->low, (long long)symbol->high);
  }
  printf("},\n");
  print_json_variants(program);
  print_json_arena(program, "arena", false, threads);
  if (symbol_count(program)) print_json_arena(program, "arena_worst", true, threads);
  printf("  \"weights_bytes\": %llu,\n  \"weights_inside\": %s,\n", (unsigned long long)plan->weights_bytes,
         lamina_main_model.weights || plan->weights_bytes == 0 ? "true" : "false");
  printf("  \"kernels\": %u,\n  \"steps\": %u,\n  \"build\": {", plan->kernels.count, plan->steps.count);
  const struct lamina_metadata *items = (const struct lamina_metadata *)(program->image + plan->metadata.offset);
  for (uint32_t i = 0; i < plan->metadata.count; i++) {
    if (i) printf(", ");
    print_json_text(program, items[i].key);
    printf(": ");
    print_json_text(program, items[i].value);
  }
  printf("}\n}\n");
}

static void print_element(const struct tensor *tensor, int64_t index) {
  if (is_float(tensor->dtype)) {
    printf("%.6g", get_double(tensor->dtype, tensor->data, index));
  } else if (tensor->dtype == LAMINA_U64) {
    printf("%llu", (unsigned long long)get_integer(tensor->dtype, tensor->data, index));
  } else {
    printf("%lld", (long long)get_integer(tensor->dtype, tensor->data, index));
  }
}

/// Whether every row along the last axis is a distribution: in 0...1 and of sum 1.
static bool is_probability(const struct tensor *tensor, int64_t classes) {
  if (!is_float(tensor->dtype) || classes < 2) return false;
  double sum = 0;
  for (int64_t i = 0; i < tensor->count; i++) {
    double value = get_double(tensor->dtype, tensor->data, i);
    if (!(value >= 0 && value <= 1.001)) return false;
    sum += value;
    if ((i + 1) % classes == 0) {
      if (sum < 0.98 || sum > 1.02) return false;
      sum = 0;
    }
  }
  return true;
}

static void print_classes(const struct tensor *tensor, int64_t classes) {
  int64_t rows = tensor->count / classes;
  for (int64_t row = 0; row < rows && row < 10; row++) {
    if (rows > 1) printf("  row %lld:", (long long)row);
    int64_t taken[3] = {-1, -1, -1};
    for (int rank = 0; rank < 3 && rank < classes; rank++) {
      int64_t best = -1;
      double best_value = -1;
      for (int64_t i = 0; i < classes; i++) {
        double value = get_double(tensor->dtype, tensor->data, row * classes + i);
        if (i == taken[0] || i == taken[1] || value <= best_value) continue;
        best = i;
        best_value = value;
      }
      taken[rank] = best;
      printf("%sclass %lld (%.2f %%)", rank ? ", " : "  ", (long long)best, best_value * 100);
    }
    putchar('\n');
  }
  if (rows > 10) printf("  … %lld rows\n", (long long)rows);
}

void print_summary(const struct program *program, const struct lamina_port *port, const struct tensor *tensor) {
  char buffer[512];
  printf("%.*s  %s\n", TEXT(program, port->name), bound_type(program, port, buffer, sizeof buffer));
  if (tensor->count == 0) return;
  int64_t classes = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
  if (is_probability(tensor, classes)) {
    print_classes(tensor, classes);
    return;
  }
  if (tensor->count > 8) {
    double low = INFINITY, high = -INFINITY, sum = 0;
    for (int64_t i = 0; i < tensor->count; i++) {
      double value = get_double(tensor->dtype, tensor->data, i);
      if (value < low) low = value;
      if (value > high) high = value;
      sum += value;
    }
    printf("  min %.6g, mean %.6g, max %.6g\n", low, sum / (double)tensor->count, high);
  }
  printf("  ");
  for (int64_t i = 0; i < tensor->count && i < 8; i++) {
    if (i) printf(", ");
    print_element(tensor, i);
  }
  puts(tensor->count > 8 ? ", …" : "");
}
