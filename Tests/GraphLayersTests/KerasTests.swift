// SPDX-License-Identifier: Apache-2.0
// Every layer against Keras: interpreted, compiled, differentiated, and argument by argument. The cases are Keras' own
// results in Fixtures/keras.safetensors; `make_cases.py` writes them again, its first lines say how.

import GraphAutodiff
import GraphIR
import GraphInterpreter
import GraphLayers
import GraphOps
import GraphSupport
import Lamina
import TensorCore
import TensorFiles
import Testing

@Suite struct KerasTests {
  @Test(arguments: KerasCase.all) func interpreted(_ example: KerasCase) throws {
    let graph = try example.graph()
    #expect(example.weightNames == Set(try parameterNames(example)))
    let outputs = try interpret(graph, inputs: try example.inputs)
    try compare(graph.outputs.map { outputs[$0.name] }, example)
  }

  @Test(arguments: KerasCase.all) func compiled(_ example: KerasCase) throws {
    let graph = try example.graph()
    let given = try example.inputs
    let model = try CompiledModel(graph, CompileOptions(jobs: 1))
    try compare(try model.run(try graph.inputs.map { try #require(given[graph[$0].name ?? ""]) }), example)
  }

  /// The gradient of the sum of all float results, along one direction, against a central difference in doubles.
  @Test(arguments: KerasCase.all) func differentiated(_ example: KerasCase) throws {
    let graph = try example.graph()
    let inputs = graph.inputs.filter { graph.type($0).dtype.isFloat }
    guard !inputs.isEmpty, graph.outputs.contains(where: { graph.type($0.value).dtype.isFloat }) else { return }
    var builder = GraphBuilder(graph)
    var total: ValueID?
    for output in graph.outputs where graph.type(output.value).dtype.isFloat {
      // Weights that differ keep sums such as a softmax's from being constant.
      let value = output.value
      let weighed = try builder.emit(Mul(), value, try builder.emit(Sin(), value))
      let sum = try builder.emit(ReduceSum(axes: Array(0..<builder.type(value).rank), keepDims: false), weighed)
      total = try total.map { try builder.emit(Add(), $0, sum) } ?? sum
    }
    let scalar = try #require(total)
    builder.output("total", scalar)
    let differentiable = try gradients(of: scalar, in: builder.graph, withRespectTo: inputs)
    var point: [String: Reference] = [:]
    var direction: [String: [Double]] = [:]
    for (place, (name, tensor)) in try example.inputs.sorted(by: { $0.key < $1.key }).enumerated() {
      var reference = Reference(tensor)
      if tensor.dtype.isFloat {
        // Off the round numbers of the cases, at which kinks may lie.
        for index in reference.reals.indices { reference.reals[index] += 1e-3 * wave(index, place) }
        direction[name] = reference.reals.indices.map { wave($0, place + 7) }
      }
      point[name] = reference
    }
    let found = try interpret(differentiable, references: point)
    var slope = 0.0
    for input in inputs {
      let name = graph[input].name ?? ""
      let gradient = try #require(found["gradient/\(name)"])
      slope += zip(gradient.reals, direction[name] ?? []).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let step = 1e-6
    func value(_ sign: Double) throws -> Double {
      var moved = point
      for (name, along) in direction {
        for index in along.indices { moved[name]?.reals[index] += sign * step * along[index] }
      }
      return try #require(try interpret(builder.graph, references: moved)["total"]).reals[0]
    }
    let expected = (try value(1) - value(-1)) / (2 * step)
    #expect(
      abs(slope - expected) <= 1e-5 * max(1, abs(expected)), "the gradient gives \(slope), differences \(expected)")
  }

  /// Each of Keras' layers is here with its arguments and their defaults, or refused with what to write instead.
  @Test(arguments: KerasCase.signatures.map(\.layer)) func arguments(_ name: String) throws {
    if LayerRegistry.refused[name] != nil || Self.bases.contains(name) { return }
    let layer = try #require(LayerRegistry.layer(named: name), "there is no layer '\(name)'")
    let known = Dictionary(layer.argumentDescriptions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (argument, standard) in KerasCase.signatures.first(where: { $0.layer == name })?.arguments ?? [] {
      if Self.trainingOnly.contains(argument) || Self.trainingOnly.contains("\(name).\(argument)") { continue }
      guard let description = known[argument] else {
        Issue.record("'\(name)' has no argument '\(argument)'")
        continue
      }
      guard let standard, let wanted = Self.value(standard) else { continue }
      let found = Self.text(description.defaultValue)
      // Sizes that follow from others are none there and computed in both.
      #expect(found == wanted || standard == "None", "'\(argument)' of '\(name)' is \(found), in Keras \(wanted)")
    }
  }

  /// Classes that only others inherit from.
  private static let bases: Set<String> = ["Layer", "Wrapper", "Input", "InputSpec"]
  /// What has a meaning for Keras' own training, storage or devices only, or is said elsewhere (`name` is the box's).
  private static let trainingOnly: Set<String> = [
    "name", "dtype", "trainable", "autocast", "activity_regularizer", "lora_rank", "lora_alpha", "quantization_config",
    "gptq_unpacked_column_size",
    "weights", "sparse", "bounding_box_format", "Discretization.num_bins", "Discretization.epsilon", "synchronized",
    "renorm", "renorm_clipping",
    "renorm_momentum",
  ]

  /// A default in Python's spelling as ours, one number for a tuple of equal ones.
  private static func value(_ text: String) -> String? {
    switch text {
    case "True": return "true"
    case "False": return "false"
    case "None": return "none"
    default: break
    }
    if text.hasPrefix("'") { return String(text.dropFirst().dropLast()).lowercased() }
    let numbers = text.split(whereSeparator: { "(), []".contains($0) }).compactMap { Double($0) }
    guard let first = numbers.first else { return nil }
    return numbers.allSatisfy { $0 == first } ? "\(first)" : "\(numbers)"
  }

  private static func text(_ value: AttributeValue) -> String {
    if let numbers = [Double](value), let first = numbers.first {
      return numbers.allSatisfy { $0 == first } ? "\(first)" : "\(numbers)"
    }
    switch value {
    case .bool(let flag): return "\(flag)"
    case .string(let text): return text
    case .none: return "none"
    default: return "\(value)"
    }
  }

  /// Numbers in -1...1 without a pattern.
  private func wave(_ index: Int, _ place: Int) -> Double {
    let x = (Double(index) * 12.9898 + Double(place) * 78.233 + 1) * 43758.5453
    return 2 * (x - x.rounded(.down)) - 1
  }

  private func parameterNames(_ example: KerasCase) throws -> [String] { try example.parameters().map(\.name) }

  private func compare(_ outputs: [Tensor?], _ example: KerasCase) throws {
    let expected = try example.outputs
    #expect(outputs.count == expected.count)
    for (found, wanted) in zip(outputs, expected) {
      let found = try #require(found)
      guard found.shape == wanted.shape else {
        Issue.record("the result is \(found.type), Keras gives \(wanted.type)")
        continue
      }
      // Keras sums in floats, in its own order.
      let largest = (0..<wanted.count).reduce(1) { max($0, abs(wanted.double($1))) }
      for index in 0..<wanted.count where !(abs(found.double(index) - wanted.double(index)) <= 4e-6 * largest) {
        Issue.record("element \(index) is \(found.double(index)), Keras gives \(wanted.double(index))")
        break
      }
    }
  }
}

@Suite struct LayerTests {
  private func values(_ box: String, _ input: String, _ x: Tensor) throws -> Tensor {
    let text = "graph TD\n    x[\"\(input)\"] --> y[\"\(box)\"]\n"
    return try #require(try interpret(try KerasCase(name: box, text: text).graph(), inputs: ["x": x])["y"])
  }

  /// Images of sizes that are not known are resized like others.
  @Test(arguments: [
    "UpSampling2D((2, 3), interpolation = bilinear)", "UpSampling2D(2, interpolation = bicubic)",
    "Resizing(7, 4, interpolation = nearest)", "Resizing(3, 9)", "Resizing(9, 3, interpolation = bicubic)",
  ]) func namedSizes(_ box: String) throws {
    let x = try #require(Tensor(.f32, [1, 5, 6, 2], doubles: (0..<60).map { Double($0 * 37 % 19) }))
    let known = try values(box, "Input(1, 5, 6, 2)", x)
    let named = try values(box, "Input(N, H, W, 2)", x)
    #expect(known.shape == named.shape)
    #expect(zip(known.doubles(), named.doubles()).allSatisfy { abs($0 - $1) < 1e-5 }, "\(named.doubles().prefix(8))")
  }

  /// Bins of texts of one to twenty bytes, by FarmHash's and SipHash's own implementations.
  @Test func hashing() throws {
    let numbers: [Int64] = [
      0, 7, -3, 42, 999, -99, 1234, -1_234_567, 12_345_678, -123_456_789_012_345, 1_234_567_890_123_456,
      12_345_678_901_234_567, .max, .min,
    ]
    let x = try #require(Tensor(.i64, [numbers.count], integers: numbers))
    func bins(_ arguments: String) throws -> [Int64] {
      try values("Hashing(1000\(arguments))", "Input(\(numbers.count), i64)", x).integers()
    }
    let farm: [Int64] = [735, 88, 699, 736, 466, 472, 222, 265, 362, 165, 68, 110, 319, 112]
    #expect(try bins("") == farm)
    let sip: [Int64] = [369, 382, 688, 406, 697, 798, 19, 723, 492, 838, 651, 924, 826, 988]
    #expect(try bins(", salt = (133, 137)") == sip)
    // Bin 0 is the mask's.
    let masked = try values("Hashing(2, mask_value = 7)", "Input(\(numbers.count), i64)", x).integers()
    #expect(masked == numbers.map { $0 == 7 ? 0 : 1 })
    let hot = try values("Hashing(5, output_mode = one_hot)", "Input(\(numbers.count), i64)", x)
    #expect(hot.shape == [numbers.count, 5] && hot.doubles().reduce(0, +) == Double(numbers.count))
  }

  /// The examples of Keras' documentation, which run in TensorFlow only.
  @Test func integerLookup() throws {
    func check(_ arguments: String, _ x: [[Int64]], _ expected: [[Double]]) throws {
      let tensor = try #require(Tensor(.i64, [x.count, x[0].count], integers: x.flatMap { $0 }))
      let y = try values(
        "IntegerLookup(vocabulary = [12, 36, 1138, 42]\(arguments))", "Input(N, \(x[0].count), i64)", tensor)
      #expect(
        zip(y.doubles(), expected.flatMap { $0 }).allSatisfy { abs($0 - $1) < 1e-6 }, "\(arguments): \(y.doubles())")
      #expect(y.count == expected.flatMap { $0 }.count)
    }
    try check("", [[12, 1138, 42], [42, 1000, 36]], [[1, 3, 4], [4, 0, 2]])
    try check(", num_oov_indices = 2", [[12, 1138, 42], [37, 1000, 36]], [[2, 4, 5], [1, 0, 3]])
    try check(", mask_token = 0", [[12, 0, 7]], [[2, 0, 1]])
    try check(", output_mode = one_hot", [[12], [7]], [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    let sets: [[Int64]] = [[12, 1138, 42, 42], [42, 7, 36, 7]]
    try check(", output_mode = multi_hot", sets, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]])
    try check(", output_mode = count", sets, [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]])
    try check(
      ", output_mode = tf_idf, idf_weights = [0.25, 0.75, 0.6, 0.4]", sets,
      [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]])
    try check(", invert = true", [[1, 3, 4], [4, 0, 2]], [[12, 1138, 42], [42, -1, 36]])
  }

  /// The kernels of Fourier transforms start as Keras starts them.
  @Test(arguments: KerasCase.all.filter { $0.name.contains("STFT") }) func transforms(_ example: KerasCase) throws {
    for parameter in try example.parameters() {
      let found = try Initializer.tensor(parameter, seed: 0)
      let wanted = try KerasCase.archive.tensor("\(example.name)/weight/\(parameter.name)")
      #expect((0..<wanted.count).allSatisfy { abs(found.double($0) - wanted.double($0)) < 1e-6 }, "\(parameter.name)")
    }
  }

  /// Sparsemax is the nearest point to its input whose elements are not negative and sum to one.
  @Test func sparsemax() throws {
    let text = "graph TD\n    x[\"Input(2, 4)\"] --> y[\"Activation(sparsemax)\"]\n"
    let graph = try KerasCase(name: "sparsemax", text: text).graph()
    let x = try #require(Tensor(.f32, [2, 4], doubles: [0.5, 0.5, -1, 0.25, 3, 1, 0, 2.5]))
    let y = try #require(try interpret(graph, inputs: ["x": x])["y"]).doubles()
    let third = (0.5 + 0.5 + 0.25 - 1) / 3
    let expected = [0.5 - third, 0.5 - third, 0, 0.25 - third, 0.75, 0, 0, 0.25]
    #expect(zip(y, expected).allSatisfy { abs($0 - $1) < 1e-7 }, "\(y)")
  }
}
