// SPDX-License-Identifier: Apache-2.0
// Weights in PyTorch's and Keras' words find their parameters.

import Foundation
import GraphIR
import GraphInterpreter
import GraphLanguage
import GraphLayers
import GraphOptimizer
import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct WeightTests {
  /// A folder that goes when the test ends.
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appending(path: "lamina-weights-\(UUID().uuidString)")
    init() throws { try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: path) }
    func file(_ name: String) -> String { path.appending(path: name).path }
  }

  /// Numbers that tell tensors and places apart.
  private static func tensor(_ shape: [Int], _ number: Int) throws -> Tensor {
    let count = shape.reduce(1, *)
    return try #require(Tensor(.f32, shape, doubles: (0..<count).map { Double(number) + Double($0) / 4096 }))
  }

  private func bind(
    _ text: String, _ tensors: [(name: String, tensor: Tensor)], map: [String: String] = [:]
  ) throws -> (graph: Graph, weights: BoundWeights) {
    let folder = try Folder()
    try writeTensors(tensors, to: folder.file("w.safetensors"))
    let lines = map.map { "    \"\($0.key)\": \"\($0.value)\"\n" }.sorted().joined()
    let head =
      map.isEmpty ? "weights: w.safetensors\n" : "weights:\n  file: w.safetensors\n  map:\n\(lines)"
    let (file, findings) = parseGraph("---\n\(head)---\n\(text)", path: folder.file("model.graph"))
    guard let file, !findings.contains(where: { $0.severity == .error }) else { throw DiagnosticsError(findings) }
    let graph = try resolveModel(file).graph
    return (graph, try bindWeights(graph, file, path: nil, seed: nil))
  }

  private func bind(
    _ text: String, _ shapes: KeyValuePairs<String, [Int]>, map: [String: String] = [:]
  ) throws -> BoundWeights {
    let tensors = try shapes.enumerated().map { ($1.key, try Self.tensor($1.value, $0)) }
    return try bind(text, tensors, map: map).weights
  }

  private func ids(_ action: () throws -> some Any) -> [String] {
    do {
      _ = try action()
      return []
    } catch let error as DiagnosticsError {
      return error.diagnostics.map { "\($0.id): \($0.message)" }
    } catch {
      return ["\(error)"]
    }
  }

  @Test func convolutionsOfPyTorchAreTurned() throws {
    let model = """
      graph TD
          x["Input(N, 6, 6, 3)"] --> conv1["Conv2D(4, 3x2)"] --> bn1["BatchNormalization"] --> depthwise["DepthwiseConv2D(2)"]
          depthwise --> up["Conv2DTranspose(5, 2)"] --> flat["GlobalAveragePooling2D"] --> fc["Dense(7)"]
      """
    let weights = try bind(
      model,
      [
        "net.conv1.weight": [4, 3, 3, 2], "net.conv1.bias": [4], "net.bn1.weight": [4], "net.bn1.bias": [4],
        "net.bn1.running_mean": [4], "net.bn1.running_var": [4], "net.bn1.num_batches_tracked": [],
        "net.depthwise.weight": [4, 1, 2, 2], "net.depthwise.bias": [4], "net.up.weight": [4, 5, 2, 2],
        "net.up.bias": [5],
        "net.fc.weight": [7, 5], "net.fc.bias": [7], "aux.weight": [3],
      ])
    #expect(weights.initialized.isEmpty)
    let report = try #require(weights.report)
    #expect(
      report.contains("12 parameters matched") && report.contains("4 rearranged")
        && report.contains("1 not used: aux.weight"))
    // [h, w, in, out] from [out, in, h, w].
    let kernel = try #require(weights.tensors["conv1/kernel"])
    let stored = try Self.tensor([4, 3, 3, 2], 0)
    #expect(kernel.shape == [3, 2, 3, 4])
    #expect(kernel.double(((2 * 2 + 1) * 3 + 1) * 4 + 3) == stored.double(((3 * 3 + 1) * 3 + 2) * 2 + 1))
    let depthwise = try #require(weights.tensors["depthwise/kernel"])
    #expect(depthwise.shape == [2, 2, 4, 1])
    #expect(depthwise.double((1 * 2 + 0) * 4 + 3) == (try Self.tensor([4, 1, 2, 2], 7)).double(3 * 4 + 2))
    let dense = try #require(weights.tensors["fc/kernel"])
    #expect(dense.double(2 * 7 + 6) == (try Self.tensor([7, 5], 11)).double(6 * 5 + 2))
    #expect(weights.tensors["bn1/moving_variance"]?.double(1) == (try Self.tensor([4], 5)).double(1))
  }

  /// BERT with Hugging Face's names, all widths divided.
  @Test func encodersOfHuggingFaceMatch() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../graphs/architectures")
    var text = try String(contentsOf: folder.appending(path: "bert_base.graph"), encoding: .utf8)
    text = String(text[try #require(text.range(of: "graph TD")).lowerBound...])
    for (from, to) in [("30522", "50"), ("3072", "24"), ("768", "12"), ("512", "16")] {
      text = text.replacingOccurrences(of: from, with: to)
    }
    var tensors: [(name: String, tensor: Tensor)] = []
    func add(_ name: String, _ shape: [Int]) throws {
      tensors.append((name, try Self.tensor(shape, tensors.count)))
    }
    try add("bert.embeddings.word_embeddings.weight", [50, 12])
    try add("bert.embeddings.position_embeddings.weight", [16, 12])
    try add("bert.embeddings.token_type_embeddings.weight", [2, 12])
    for part in ["weight", "bias"] { try add("bert.embeddings.LayerNorm.\(part)", [12]) }
    for layer in 0..<12 {
      for (name, out, inputs) in [
        ("attention.self.query", 12, 12), ("attention.self.key", 12, 12), ("attention.self.value", 12, 12),
        ("attention.output.dense", 12, 12), ("intermediate.dense", 24, 12), ("output.dense", 12, 24),
      ] {
        try add("bert.encoder.layer.\(layer).\(name).weight", [out, inputs])
        try add("bert.encoder.layer.\(layer).\(name).bias", [out])
      }
      for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
        for part in ["weight", "bias"] { try add("bert.encoder.layer.\(layer).\(name).\(part)", [12]) }
      }
    }
    for (part, shape) in [("weight", [12, 12]), ("bias", [12])] { try add("bert.pooler.dense.\(part)", shape) }
    try add("cls.predictions.bias", [50])
    let weights = try bind(text, tensors.shuffled()).weights
    #expect(weights.initialized.isEmpty)
    let pairs = [
      "word_embeddings/embeddings": "embeddings.word_embeddings.weight", "norm/gamma": "embeddings.LayerNorm.weight",
      "encoder/0/attention/query/kernel": "encoder.layer.0.attention.self.query.weight",
      "encoder/3/attention/value/kernel": "encoder.layer.3.attention.self.value.weight",
      "encoder/11/attention/attention_output/kernel": "encoder.layer.11.attention.output.dense.weight",
      "encoder/7/attention_norm/gamma": "encoder.layer.7.attention.output.LayerNorm.weight",
      "encoder/7/output_norm/beta": "encoder.layer.7.output.LayerNorm.bias",
      "encoder/10/intermediate/kernel": "encoder.layer.10.intermediate.dense.weight",
      "encoder/1/output/kernel": "encoder.layer.1.output.dense.weight", "pooler/kernel": "pooler.dense.weight",
    ]
    for (parameter, name) in pairs {
      let number = try #require(tensors.firstIndex { $0.name == "bert.\(name)" })
      #expect(try #require(weights.tensors[parameter]).double(0) == Double(number), "\(parameter)")
    }
    // Square matrices are turned as the others of the file show.
    let query = try #require(weights.tensors["encoder/0/attention/query/kernel"])
    let stored = try #require(tensors.first { $0.name.hasSuffix("layer.0.attention.self.query.weight") }).tensor
    #expect(query.shape == [12, 12, 1] && query.double(3 * 12 + 5) == stored.double(5 * 12 + 3))
  }

  /// GPT-2's query, key and value are one matrix [inputs, outputs].
  @Test func fusedAttentionIsSplit() throws {
    let model = """
      graph TD
          x["Input(N, T, 4)"] --> attn["MultiHeadAttention(2, causal = true)"] --> c_fc["Dense(8)"]
      """
    for (weight, isFirst) in [("attn.c_attn.weight", true), ("attn.in_proj_weight", false)] {
      let outputs: (name: String, shape: [Int]) =
        isFirst ? ("attn.c_proj.weight", [4, 4]) : ("attn.out_proj.weight", [4, 4])
      let tensors: [(name: String, tensor: Tensor)] = [
        (weight, try Self.tensor(isFirst ? [4, 12] : [12, 4], 1)),
        (weight.replacingOccurrences(of: "weight", with: "bias"), try Self.tensor([12], 2)),
        (outputs.name, try Self.tensor(outputs.shape, 3)),
        (outputs.name.replacingOccurrences(of: "weight", with: "bias"), try Self.tensor([4], 4)),
        ("c_fc.weight", try Self.tensor(isFirst ? [4, 8] : [8, 4], 5)), ("c_fc.bias", try Self.tensor([8], 6)),
      ]
      let weights = try bind(model, tensors).weights
      let key = try #require(weights.tensors["attn/key/kernel"])
      // Input 3, head 1, place 0 is output 2 of the key.
      let position = isFirst ? 3 * 12 + 4 + 2 : (4 + 2) * 4 + 3
      #expect(key.shape == [4, 2, 2] && key.double((3 * 2 + 1) * 2) == tensors[0].tensor.double(position), "\(weight)")
      #expect(try #require(weights.tensors["attn/value/bias"]).double(3) == tensors[1].tensor.double(11))
      let output = try #require(weights.tensors["attn/attention_output/kernel"])
      #expect(output.double(1 * 4 + 3) == tensors[2].tensor.double(isFirst ? 1 * 4 + 3 : 3 * 4 + 1), "\(weight)")
    }
  }

  /// PyTorch's equations of GRU and LSTM give what the layers give with its weights.
  @Test(arguments: ["GRU", "LSTM"]) func recurrentWeightsOfPyTorch(_ layer: String) throws {
    let (units, features, gates) = (3, 2, layer == "GRU" ? 3 : 4)
    func wave(_ shape: [Int], _ number: Int) throws -> Tensor {
      let values = (0..<shape.reduce(1, *)).map { sin(Double($0 * 7 + number * 3 + 1)) }
      return try #require(Tensor(.f64, shape, doubles: values))
    }
    let parts = try [
      ("rnn.weight_ih_l0", wave([gates * units, features], 1)), ("rnn.weight_hh_l0", wave([gates * units, units], 2)),
      ("rnn.bias_ih_l0", wave([gates * units], 3)), ("rnn.bias_hh_l0", wave([gates * units], 4)),
    ]
    let model = "graph TD\n    x[\"Input(1, 2, \(features), f64)\"] --> rnn[\"\(layer)(\(units))\"]\n"
    let (graph, weights) = try bind(model, parts.map { (name: $0.0, tensor: $0.1) })
    let x = try wave([1, 2, features], 5)
    let found = try #require(try interpret(try graph.binding(weights.tensors), inputs: ["x": x])["rnn"]).doubles()

    func sums(_ matrix: Int, _ bias: Int, _ values: [Double]) -> [Double] {
      (0..<gates * units).map { row in
        values.indices.reduce(parts[bias].1.double(row)) {
          $0 + parts[matrix].1.double(row * values.count + $1) * values[$1]
        }
      }
    }
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    var (h, c) = ([Double](repeating: 0, count: units), [Double](repeating: 0, count: units))
    for step in 0..<2 {
      let a = sums(0, 2, (0..<features).map { x.double(step * features + $0) })
      let b = sums(1, 3, h)
      for unit in 0..<units {
        func both(_ gate: Int) -> Double { a[gate * units + unit] + b[gate * units + unit] }
        if layer == "GRU" {
          let (r, z) = (sigmoid(both(0)), sigmoid(both(1)))
          let n = tanh(a[2 * units + unit] + r * b[2 * units + unit])
          h[unit] = (1 - z) * n + z * h[unit]
        } else {
          c[unit] = sigmoid(both(1)) * c[unit] + sigmoid(both(0)) * tanh(both(2))
          h[unit] = sigmoid(both(3)) * tanh(c[unit])
        }
      }
    }
    for (a, b) in zip(found, h) { #expect(abs(a - b) < 1e-6) }
  }

  @Test func pathsOfTheMap() throws {
    let model = """
      graph TD
          subgraph block["block(width)"]
              x["Input(N, width)"] --> a["Dense(width)"] --> b["Dense(width)"]
          end
          i["Input(N, 2)"] --> rest["Repeat(block(2), 2)"]
      """
    let shapes: KeyValuePairs<String, [Int]> = [
      "l.1.a.weight": [2, 2], "l.1.a.bias": [2], "l.1.b.weight": [2, 2], "l.1.b.bias": [2], "l.2.a.weight": [2, 2],
      "l.2.a.bias": [2], "l.2.b.weight": [2, 2], "l.2.b.bias": [2],
    ]
    let weights = try bind(model, shapes, map: ["rest/0/": "l.1", "rest/1/": "l.2"])
    #expect(try #require(weights.tensors["rest/1/b/bias"]).double(0) == 7)
    #expect(try #require(weights.tensors["rest/0/b/kernel"]).double(1) == 2 + 2.0 / 4096)
    // Without the map the first block's number is not in the file.
    #expect(
      ids { try bind(model, shapes) }.contains { $0.hasPrefix("missing-weight") && $0.contains("'rest/0/a/kernel'") })
  }

  @Test func whatIsAmbiguousOrMissingIsListed() throws {
    let model = """
      graph TD
          x["Input(N, 2)"] --> a["Dense(2)"] --> last["Dense(3)"]
      """
    let found = ids {
      try bind(
        model,
        [
          "one.a.weight": [2, 2], "one.a.bias": [2], "two.a.weight": [2, 2], "two.a.bias": [2], "head.weight": [4, 2],
        ])
    }
    #expect(found.filter { $0.hasPrefix("ambiguous-weight") && $0.contains("'one/a', 'two/a'") }.count == 2, "\(found)")
    #expect(found.filter { $0.hasPrefix("missing-weight") && $0.contains("'last/") }.count == 2, "\(found)")
  }

  @Test func namesOfKeras() throws {
    let model = """
      graph TD
          x["Input(N, 2)"] --> hidden["Dense(3)"] --> label["Dense(4)"]
      """
    let weights = try bind(
      model,
      [
        "model/hidden/kernel:0": [2, 3], "model/hidden/bias:0": [3], "model/label/kernel:0": [3, 4],
        "model/label/bias:0": [4],
      ])
    #expect(try #require(weights.tensors["hidden/kernel"]).double(1) == 1.0 / 4096)
    #expect(try #require(weights.tensors["label/bias"]).double(0) == 3)
  }
}
