// SPDX-License-Identifier: Apache-2.0
// The tensors of a weights file under the names and in the parts that parameters have.

import GraphSupport
import TensorCore
import TensorFiles

/// A tensor as a file holds it, or what several of its tensors make together.
struct StoredWeight {
  /// What it is in its module.
  enum Role: Hashable {
    case kernel, bias, mean, variance, recurrent
    /// A name that only the same name matches.
    case other(String)
  }

  /// The file's names behind it.
  var sources: [String]
  /// The path of its module, in the file's own words.
  var module: String
  var role: Role
  var shape: [Int]
  /// Matrices are already [inputs, outputs].
  var isInputsFirst = false
  var read: () throws -> Tensor

  var name: String { sources.joined(separator: " and ") }
}

extension StoredWeight.Role {
  /// The role of the last part of a name, in Keras' and PyTorch's words; nil for a name without one.
  init?(_ leaf: String) {
    switch leaf.split(separator: ":").first.map(String.init) ?? leaf {
    case "kernel", "weight", "gamma", "embeddings", "alpha", "scale": self = .kernel
    case "bias", "beta": self = .bias
    case "moving_mean", "running_mean", "mean": self = .mean
    case "moving_variance", "running_var", "variance": self = .variance
    case "recurrent_kernel": self = .recurrent
    case "depthwise_kernel", "pointwise_kernel", "vector_u", "concat_score_weight": self = .other(leaf)
    default: return nil
    }
  }
}

extension StoredWeight {
  /// All tensors of a file. Counters that no layer reads are left out.
  static func all(_ archive: TensorArchive) -> [StoredWeight] {
    var weights: [StoredWeight] = []
    var recurrent: [String: [String: TensorArchive.Entry]] = [:]
    var modules: [String] = []
    for entry in archive.entries {
      let parts = entry.name.split(whereSeparator: { $0 == "." || $0 == "/" }).map(String.init)
      let leaf = parts.last ?? entry.name
      let module = parts.dropLast().joined(separator: "/")
      if leaf == "num_batches_tracked" { continue }
      // weight_ih_l0_reverse: part, layer, direction.
      let words = leaf.split(separator: "_")
      if words.count >= 3, words[0] == "weight" || words[0] == "bias", words[1] == "ih" || words[1] == "hh",
        words[2].first == "l"
      {
        let place = "\(module)/\(words[2...].joined(separator: "_").dropFirst())"
        if recurrent[place] == nil { modules.append(place) }
        recurrent[place, default: [:]][words[..<2].joined(separator: "_")] = entry
        continue
      }
      let fused = fusedParts(entry, module, leaf, archive)
      if !fused.isEmpty {
        weights += fused
      } else {
        let role = Role(leaf)
        weights.append(
          StoredWeight(
            sources: [entry.name], module: role == nil ? parts.joined(separator: "/") : module, role: role ?? .kernel,
            shape: entry.shape, isInputsFirst: leaf != "weight", read: { try archive.tensor(entry) }))
      }
    }
    for place in modules { weights += recurrentParts(recurrent[place] ?? [:], place, archive) }
    return weights
  }

  /// Query, key and value of attention that are one matrix in the file.
  private static func fusedParts(
    _ entry: TensorArchive.Entry, _ module: String, _ leaf: String, _ archive: TensorArchive
  ) -> [StoredWeight] {
    let last = module.split(separator: "/").last.map(String.init) ?? ""
    let isOwn = leaf == "in_proj_weight" || leaf == "in_proj_bias"
    guard isOwn || ["c_attn", "qkv", "query_key_value", "qkv_proj"].contains(last),
      let role = isOwn ? (leaf == "in_proj_weight" ? Role.kernel : .bias) : Role(leaf)
    else { return [] }
    let owner = isOwn ? module : module.split(separator: "/").dropLast().joined(separator: "/")
    // [3 · width, inputs], or GPT-2's [inputs, 3 · width].
    let isMatrix = entry.shape.count == 2
    guard isMatrix || entry.shape.count == 1, let rows = entry.shape.first, let columns = entry.shape.last else {
      return []
    }
    let isRows = rows % 3 == 0 && rows / 3 == columns
    let axis = isMatrix && !isRows && columns % 3 == 0 && columns / 3 == rows ? 1 : 0
    guard entry.shape[axis] % 3 == 0 else { return [] }
    let size = entry.shape[axis] / 3
    var shape = entry.shape
    shape[axis] = size
    return ["query", "key", "value"].enumerated().map { place, name in
      StoredWeight(
        sources: [entry.name], module: "\(owner)/\(name)", role: role, shape: shape, isInputsFirst: axis == 1,
        read: { [shape] in
          let whole = try archive.tensor(entry)
          return try rearranged(whole, to: shape) { index in
            isMatrix && axis == 1
              ? index / max(size, 1) * 3 * size + place * size + index % max(size, 1)
              : place * shape.reduce(1, *) + index
          }
        })
    }
  }

  /// PyTorch's LSTM, GRU and RNN layers in Keras' layout: kernels [inputs, gates · units], one bias or GRU's two.
  private static func recurrentParts(
    _ entries: [String: TensorArchive.Entry], _ place: String, _ archive: TensorArchive
  ) -> [StoredWeight] {
    guard let input = entries["weight_ih"], let hidden = entries["weight_hh"], input.shape.count == 2,
      hidden.shape.count == 2, let units = hidden.shape.last, units > 0, input.shape[0] == hidden.shape[0],
      input.shape[0] % units == 0
    else { return [] }
    let gates = input.shape[0] / units
    let parts = place.split(separator: "/").map(String.init)
    let number = parts.last.map { $0.replacing("_reverse", with: "") } ?? "0"
    let direction = parts.last?.hasSuffix("_reverse") == true ? "/backward" : ""
    let module = parts.dropLast().joined(separator: "/") + (number == "0" ? "" : "/\(number)") + direction
    // PyTorch's GRU has its gates as reset, update, new; Keras' as update, reset, new.
    let order = gates == 3 ? [1, 0, 2] : Array(0..<gates)
    func row(_ column: Int) -> Int { order[column / units] * units + column % units }
    let columns = gates * units
    func kernel(_ entry: TensorArchive.Entry, _ role: Role) -> StoredWeight {
      let inputs = entry.shape[1]
      return StoredWeight(
        sources: [entry.name], module: module, role: role, shape: [inputs, columns], isInputsFirst: true,
        read: {
          try rearranged(try archive.tensor(entry), to: [inputs, columns]) { row($0 % columns) * inputs + $0 / columns }
        })
    }
    var result = [kernel(input, .kernel), kernel(hidden, .recurrent)]
    if let first = entries["bias_ih"], let second = entries["bias_hh"], first.shape == [columns],
      second.shape == [columns]
    {
      let shape = gates == 3 ? [2, columns] : [columns]
      result.append(
        StoredWeight(
          sources: [first.name, second.name], module: module, role: .bias, shape: shape,
          read: {
            let (a, b) = (try archive.tensor(first), try archive.tensor(second))
            let values = (0..<shape.reduce(1, *)).map { index in
              gates == 3
                ? (index < columns ? a : b).double(row(index % columns)) : a.double(row(index)) + b.double(row(index))
            }
            guard let sum = Tensor(a.dtype, shape, doubles: values) else { throw outOfMemory }
            return sum
          }))
    }
    return result
  }

  /// A tensor of another shape whose elements are those at given positions of another.
  static func rearranged(_ source: Tensor, to shape: [Int], _ position: (Int) -> Int) throws -> Tensor {
    guard let result = Tensor(zeros: source.dtype, shape) else { throw outOfMemory }
    let count = result.count
    func copy<Word: BitwiseCopyable>(_: Word.Type) {
      let target = result.mutableBytes
      source.withBytes { bytes in
        for index in 0..<count {
          let offset = position(index) * MemoryLayout<Word>.size
          target.storeBytes(
            of: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self),
            toByteOffset: index * MemoryLayout<Word>.size, as: Word.self)
        }
      }
    }
    switch source.dtype.bits {
    case 8: copy(UInt8.self)
    case 16: copy(UInt16.self)
    case 32: copy(UInt32.self)
    case 64: copy(UInt64.self)
    default: for index in 0..<count { result.set(index, source.double(position(index))) }
    }
    return result
  }

  private static var outOfMemory: DiagnosticsError {
    DiagnosticsError("out-of-memory", "there is not enough memory for the weights")
  }
}
