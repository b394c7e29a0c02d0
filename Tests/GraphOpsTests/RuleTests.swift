// SPDX-License-Identifier: Apache-2.0
// Rules: where they apply, where they must not, and that they keep every value.

import GraphIR
import GraphInterpreter
import GraphOps
import TensorCore
import Testing

/// What a rule of an operator makes of a node: the operator names of its replacement from the root inwards (`input` for
/// the graph's own), or nil where none applies.
private func rewritten(_ operation: any Operation, _ operands: [ValueID?], _ builder: GraphBuilder) throws -> [String]?
{
  for rule in type(of: operation).rules {
    var context = RuleContext(builder: builder, operation: operation, operands: operands)
    guard let results = try rule.apply(&context) else { continue }
    var names: [String] = []
    var next: ValueID? = results[0]
    while let value = next {
      let node = context.builder.graph.producer(value)
      names.append(node.map { type(of: $0.operation).name } ?? "input")
      next = node?.operands.first ?? nil
    }
    return names
  }
  return nil
}

@Suite struct RuleTests {
  private var builder: GraphBuilder
  private let x: ValueID
  private let integers: ValueID
  private let condition: ValueID

  init() {
    builder = GraphBuilder(name: "rules")
    x = builder.input("x", TensorType(.f32, [2, 3]))
    integers = builder.input("i", TensorType(.i32, [2, 3]))
    condition = builder.input("c", TensorType(.bool, [2, 3]))
  }

  @Test func `neutral elements are dropped`() throws {
    var builder = builder
    let one = try builder.scalar(1, .f32)
    let zero = try builder.scalar(0, .f32)
    #expect(try rewritten(Sub(), [x, zero], builder) == ["input"])
    #expect(try rewritten(Sub(), [x, builder.scalar(-0.0, .f32)], builder) == nil, "-0 - (-0) is 0")
    #expect(try rewritten(Div(), [x, one], builder) == ["input"])
    let column = try builder.emit(ConstantOfShape([2, 1, 3], 1, .f32))
    #expect(try rewritten(Div(), [x, column], builder) == nil, "the shape would change")
    #expect(try rewritten(Div(), [x, builder.scalar(4, .f32)], builder) == ["Mul", "input"])
    #expect(try rewritten(Div(), [x, builder.scalar(3, .f32)], builder) == nil, "1/3 is rounded")
    #expect(try rewritten(Div(), [integers, builder.scalar(4, .i32)], builder) == nil)
  }

  /// Weights of whole bytes are unpacked once, and mean the same; those of fewer bits would grow too much.
  @Test(arguments: [false, true]) func `bytes of a product become floats`(_ hasZeros: Bool) throws {
    var random = SampleSource(seed: 11)
    func product(bits: Int) throws -> (operation: MatMulNBits, operands: [ValueID?], builder: GraphBuilder) {
      var operation = MatMulNBits()
      (operation.depth, operation.width, operation.bits, operation.blockSize) = (21, 3, bits, 16)
      var builder = GraphBuilder(name: "bits")
      let a = builder.input("a", TensorType(.f32, [2, 21]))
      let weights = try builder.constant(random.tensor(.u8, [3, 2, 2 * bits], in: 0...255))
      let scales = try builder.constant(random.tensor(.f32, [3, 2]))
      let zeros = hasZeros ? try builder.constant(random.tensor(.u8, [3, bits == 8 ? 2 : 1], in: 0...255)) : nil
      return (operation, [a, weights, scales, zeros, nil, try builder.constant(random.tensor(.f32, [3]))], builder)
    }
    let packed = try product(bits: 4)
    #expect(try rewritten(packed.operation, packed.operands, packed.builder) == nil)
    let bytes = try product(bits: 8)
    var builder = bytes.builder
    let (operation, operands) = (bytes.operation, bytes.operands)
    builder.output("y", try builder.emitAny(operation, operands)[0])
    var context = RuleContext(builder: builder, operation: operation, operands: operands)
    let results = try #require(try MatMulNBits.rules[0].apply(&context))
    context.builder.output("z", results[0])
    let found = try interpret(context.builder.graph, inputs: ["a": random.tensor(.f32, [2, 21])])
    let (y, z) = (try #require(found["y"]).doubles(), try #require(found["z"]).doubles())
    #expect(zip(y, z).allSatisfy { abs($0 - $1) < 1e-4 * (1 + abs($0)) }, "\(y) \(z)")
  }

  @Test func `what undoes itself is dropped`() throws {
    var builder = builder
    #expect(try rewritten(Neg(), [builder.emit(Neg(), x)], builder) == ["input"])
    #expect(try rewritten(Not(), [builder.emit(Not(), condition)], builder) == ["input"])
    #expect(try rewritten(Abs(), [builder.emit(Abs(), x)], builder) == ["Abs", "input"])
    #expect(try rewritten(Identity(), [x], builder) == ["input"])
    #expect(try rewritten(Cast(to: .f32), [x], builder) == ["input"])
    #expect(try rewritten(Cast(to: .f32), [builder.emit(Cast(to: .f64), x)], builder) == ["Cast", "input"])
    #expect(try rewritten(Cast(to: .f32), [builder.emit(Cast(to: .f16), x)], builder) == nil, "f16 rounds")
    #expect(try rewritten(Cast(to: .i32), [builder.emit(Cast(to: .f32), integers)], builder) == nil, "f32 rounds i32")
  }

  @Test func `products of embeddings are tables`() throws {
    var builder = builder
    var random = SampleSource(seed: 1)
    let (table, weights) = (random.tensor(.f32, [6, 4]), random.tensor(.f32, [4, 9]))
    let (rows, matrix) = (try builder.constant(table), try builder.constant(weights))
    let picked = try builder.emit(Gather(axis: 0), rows, integers)
    let moved = try builder.emit(Reshape(exactly: [6, 4]), builder.emit(Transpose(perm: [1, 0, 2]), picked))
    #expect(try rewritten(MatMul(), [moved, matrix], builder) == ["Reshape", "Transpose", "Gather", "Constant"])
    let rule = try #require(MatMul.rules.first)
    var context = RuleContext(builder: builder, operation: MatMul(), operands: [picked, matrix])
    let result = try #require(try rule.apply(&context))
    let product = try #require(context.builder.graph.producer(result[0])?.operands[0])
    let values = try #require((context.builder.graph.producer(product)?.operation as? Constant)?.value.tensor)
    let expected = try MatMul().evaluate([Reference(table), Reference(weights)])[0]
    #expect(values.shape == [6, 9])
    for index in 0..<54 { #expect(abs(values.double(index) - expected.reals[index]) < 1e-6) }
    // Not what picks columns, moves what is in a row, grows beyond four times, or is known at run time only.
    let order = try builder.constant(#require(Tensor(.i32, [4], integers: [3, 2, 1, 0])))
    let columns = try builder.emit(Gather(axis: 1), rows, order)
    #expect(try rewritten(MatMul(), [columns, matrix], builder) == nil)
    let within = try builder.emit(Reshape(exactly: [12, 2]), picked)
    #expect(try rewritten(MatMul(), [within, builder.constant(random.tensor(.f32, [2, 3]))], builder) == nil)
    #expect(try rewritten(MatMul(), [picked, builder.constant(random.tensor(.f32, [4, 17]))], builder) == nil)
    let input = builder.input("w", TensorType(.f32, [4, 9]))
    #expect(try rewritten(MatMul(), [picked, input], builder) == nil)
  }

  @Test func `powers become products`() throws {
    var builder = builder
    for (exponent, expected) in [(1, ["input"]), (2, ["Mul", "input"]), (-1, ["Reciprocal", "input"])] {
      #expect(try rewritten(Pow(), [x, builder.scalar(Double(exponent), .f32)], builder) == expected)
    }
    #expect(try rewritten(Pow(), [x, builder.scalar(0.5, .f32)], builder)?.first == "Where")
    #expect(try rewritten(Pow(), [integers, builder.scalar(-1, .i32)], builder) == nil)
    #expect(try rewritten(Pow(), [x, builder.scalar(2.5, .f32)], builder) == nil)
  }

  @Test func `movement that moves nothing is dropped`() throws {
    var builder = builder
    #expect(try rewritten(Slice(starts: [0, -9], ends: [2, 99]), [x], builder) == ["input"])
    #expect(try rewritten(Slice(axis: 0, from: 0, to: 1), [x], builder) == nil)
    #expect(try rewritten(Pad(pads: [0, 0, 0, 0]), [x], builder) == ["input"])
    #expect(try rewritten(Pad(pads: [0, 0, 0, -1]), [x], builder) == nil, "an end is cropped")
    #expect(try rewritten(Concat(axis: 0), [x], builder) == ["input"])
    let empty = try builder.emit(ConstantOfShape([0, 3], 0, .f32))
    #expect(try rewritten(Concat(axis: 0), [x, empty], builder) == ["Concat", "input"])
    #expect(try rewritten(Tile(repeats: [1, 1]), [x], builder) == ["input"])
    #expect(try rewritten(Flatten(), [x], builder) == ["Reshape", "input"])
  }

  @Test func `a constant condition chooses`() throws {
    var builder = builder
    let y = try builder.emit(Neg(), x)
    let yes = try builder.constant(#require(Tensor(.bool, [1, 1, 1], integers: [1])))
    #expect(try rewritten(Where(), [yes, x, y], builder) == ["Expand", "input"])
    #expect(try rewritten(Where(), [condition, y, y], builder) == ["Expand", "Neg", "input"])
    #expect(try rewritten(Where(), [condition, x, y], builder) == nil)
  }
}
