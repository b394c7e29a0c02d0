// SPDX-License-Identifier: Apache-2.0
// ONNX's numbers of element types.

import TensorCore

/// An element type as ONNX numbers it.
enum ElementType {
  /// The type with this number; nil for those that tensors do not have here.
  static func dtype(_ number: Int) -> DType? {
    switch number {
    case 1: .f32
    case 2: .u8
    case 3: .i8
    case 4: .u16
    case 5: .i16
    case 6: .i32
    case 7: .i64
    case 9: .bool
    case 10: .f16
    case 11: .f64
    case 12: .u32
    case 13: .u64
    case 16: .bf16
    case 21: .u4
    case 22: .i4
    default: nil
    }
  }

  /// The name that messages use.
  static func name(_ number: Int) -> String {
    if let dtype = dtype(number) { return dtype.name }
    return switch number {
    case 0: "undefined"
    case 8: "string"
    case 14: "complex64"
    case 15: "complex128"
    case 17: "float8e4m3fn"
    case 18: "float8e4m3fnuz"
    case 19: "float8e5m2"
    case 20: "float8e5m2fnuz"
    case 23: "float4e2m1"
    case 24: "float8e8m0"
    case 25: "uint2"
    case 26: "int2"
    default: "element type \(number)"
    }
  }

  /// The type that `Cast` of opset 1 names in capitals.
  static func dtype(named name: String) -> DType? {
    switch name.uppercased() {
    case "FLOAT": .f32
    case "DOUBLE": .f64
    case "FLOAT16": .f16
    case "BFLOAT16": .bf16
    case "INT8": .i8
    case "INT16": .i16
    case "INT32": .i32
    case "INT64": .i64
    case "UINT8": .u8
    case "UINT16": .u16
    case "UINT32": .u32
    case "UINT64": .u64
    case "BOOL": .bool
    default: nil
    }
  }
}
