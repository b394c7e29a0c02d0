// SPDX-License-Identifier: Apache-2.0
// Elements of every type, read and written one at a time.

#include "lamina_main.h"

#include <string.h>

static const struct {
  const char *name;
  uint8_t bits;
} types[LAMINA_DTYPE_END] = {
    [LAMINA_F32] = {"f32", 32}, [LAMINA_F64] = {"f64", 64}, [LAMINA_F16] = {"f16", 16}, [LAMINA_BF16] = {"bf16", 16},
    [LAMINA_I8] = {"i8", 8},    [LAMINA_I16] = {"i16", 16}, [LAMINA_I32] = {"i32", 32}, [LAMINA_I64] = {"i64", 64},
    [LAMINA_U8] = {"u8", 8},    [LAMINA_U16] = {"u16", 16}, [LAMINA_U32] = {"u32", 32}, [LAMINA_U64] = {"u64", 64},
    [LAMINA_BOOL] = {"bool", 8}, [LAMINA_I4] = {"i4", 4},   [LAMINA_U4] = {"u4", 4},
};

const char *dtype_name(uint32_t dtype) {
  return dtype < LAMINA_DTYPE_END && types[dtype].name ? types[dtype].name : "?";
}

bool is_float(uint32_t dtype) { return dtype >= LAMINA_F32 && dtype <= LAMINA_BF16; }

uint64_t tensor_bytes(uint32_t dtype, int64_t count) { return ((uint64_t)count * types[dtype].bits + 7) / 8; }

static float half(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 0) return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
  uint32_t word = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

/// The 16-bit float with `fraction_bits` of fraction nearest to a float, ties to even.
static uint16_t narrow(float value, int fraction_bits) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  uint32_t magnitude = word & 0x7fffffff;
  uint16_t sign = (uint16_t)(word >> 16 & 0x8000);
  if (fraction_bits == 7) {
    if (magnitude > 0x7f800000) return (uint16_t)(word >> 16 | 0x40);
    return (uint16_t)((word + 0x7fff + (word >> 16 & 1)) >> 16);
  }
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below the smallest normal half: the sum with 0.5 rounds at 2^-24.
    float shifted;
    memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return sign | (uint16_t)(bits - 0x3f000000);
  }
  magnitude += 0xfff + (magnitude >> 13 & 1);
  return sign | (uint16_t)((magnitude - 0x38000000) >> 13);
}

#define LOAD(type) \
  type value; \
  memcpy(&value, (const char *)data + index * (int64_t)sizeof value, sizeof value); \
  return value

static float load_f32(const void *data, int64_t index) { LOAD(float); }
static double load_f64(const void *data, int64_t index) { LOAD(double); }
static uint16_t load_16(const void *data, int64_t index) { LOAD(uint16_t); }
static uint32_t load_32(const void *data, int64_t index) { LOAD(uint32_t); }
static uint64_t load_64(const void *data, int64_t index) { LOAD(uint64_t); }

int64_t get_integer(uint32_t dtype, const void *data, int64_t index) {
  const uint8_t *bytes = data;
  switch (dtype) {
  case LAMINA_I8: return (int8_t)bytes[index];
  case LAMINA_U8: return bytes[index];
  case LAMINA_BOOL: return bytes[index] != 0;
  case LAMINA_I16: return (int16_t)load_16(data, index);
  case LAMINA_U16: return load_16(data, index);
  case LAMINA_I32: return (int32_t)load_32(data, index);
  case LAMINA_U32: return load_32(data, index);
  case LAMINA_I64:
  case LAMINA_U64: return (int64_t)load_64(data, index);
  case LAMINA_U4: return bytes[index / 2] >> (index % 2 * 4) & 15;
  case LAMINA_I4: return ((bytes[index / 2] >> (index % 2 * 4) & 15) ^ 8) - 8;
  default: return (int64_t)get_double(dtype, data, index);
  }
}

double get_double(uint32_t dtype, const void *data, int64_t index) {
  switch (dtype) {
  case LAMINA_F32: return load_f32(data, index);
  case LAMINA_F64: return load_f64(data, index);
  case LAMINA_F16: return half(load_16(data, index));
  case LAMINA_BF16: {
    uint32_t word = (uint32_t)load_16(data, index) << 16;
    return load_f32(&word, 0);
  }
  case LAMINA_U64: return (double)load_64(data, index);
  default: return (double)get_integer(dtype, data, index);
  }
}

void set_integer(uint32_t dtype, void *data, int64_t index, int64_t value) {
  uint8_t *bytes = data;
  if (is_float(dtype)) {
    set_double(dtype, data, index, (double)value);
  } else if (dtype == LAMINA_BOOL) {
    bytes[index] = value != 0;
  } else if (types[dtype].bits == 4) {
    int shift = index % 2 * 4;
    bytes[index / 2] = (uint8_t)((bytes[index / 2] & (0xf0 >> shift)) | (value & 15) << shift);
  } else {
    // Little endian: the low bytes come first.
    memcpy(bytes + index * (types[dtype].bits / 8), &value, types[dtype].bits / 8);
  }
}

void set_double(uint32_t dtype, void *data, int64_t index, double value) {
  char *place = (char *)data + index * (types[dtype].bits / 8);
  float single = (float)value;
  uint16_t word;
  switch (dtype) {
  case LAMINA_F32: memcpy(place, &single, sizeof single); break;
  case LAMINA_F64: memcpy(place, &value, sizeof value); break;
  case LAMINA_F16:
  case LAMINA_BF16:
    word = narrow(single, dtype == LAMINA_F16 ? 10 : 7);
    memcpy(place, &word, sizeof word);
    break;
  default: set_integer(dtype, data, index, (int64_t)value);
  }
}
