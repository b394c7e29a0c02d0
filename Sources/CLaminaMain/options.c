// SPDX-License-Identifier: Apache-2.0
// The command line.

#include "lamina_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
  if (end == text || *end || errno || value < 0) {
    fail_usage("%s: found '%s', expected a whole number from 0 up", what, text);
  }
  return value;
}

static void set_dim(struct program *program, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals) fail_usage("--dim: found '%s', expected NAME=SIZE", text);
  for (uint32_t i = 0; i < symbol_count(program); i++) {
    if (is_text(program, symbols(program)[i].name, text, (size_t)(equals - text))) {
      program->dims[i] = number(equals + 1, "--dim");
      program->is_known[i] = true;
      return;
    }
  }
  fail_usage("--dim: the model has no size '%.*s'", (int)(equals - text), text);
}

struct options parse_options(struct program *program, int count, char **arguments) {
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

void list_ports(
    const struct program *program, const char *what, const struct lamina_port *ports, uint32_t count, FILE *file) {
  for (uint32_t i = 0; i < count; i++) {
    char buffer[512];
    fprintf(file, "  %s %.*s  %s\n", what, TEXT(program, ports[i].name),
            port_type(program, &ports[i], buffer, sizeof buffer));
  }
}

uint32_t find_port(
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
