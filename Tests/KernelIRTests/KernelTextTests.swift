// SPDX-License-Identifier: Apache-2.0
// Kernel text prints, reads back, and says what is wrong where.

import GraphSupport
import KernelIR
import TensorCore
import Testing

@Suite struct KernelTextTests {
  @Test(arguments: [Texts.softmax, Texts.dense, Texts.everything])
  func textIsItsOwnPrint(_ text: String) throws {
    let kernel = try parsed(text)
    #expect(KernelPrinter.print(kernel) == text)
    #expect(try parsed(KernelPrinter.print(kernel)) == kernel)
    #expect(KernelVerifier.verify(kernel).map(\.message) == [])
  }

  @Test func structureIsRestoredWithoutFolding() throws {
    let axis = Axis(id: 0, name: "t")
    let one = Expr(.integer(1), .i64)
    let sum = Expr(.binary(.add, one, Expr(.binary(.mul, one, .axis(axis)), .i64)), .i64)
    let nested = Expr(.binary(.sub, one, Expr(.binary(.sub, sum, Expr(.unary(.neg, one), .i64)), .i64)), .i64)
    let kernel = Kernel(
      name: "k", parameters: [.init("y", .i64, .write)], tileAxis: axis, tiles: one,
      body: [.store(buffer: 0, offset: one, value: nested, guard: nil)])
    let text = KernelPrinter.print(kernel)
    #expect(text.contains("%y[1] = 1 - (1 + 1 * t - neg(1))"))
    #expect(try parsed(text) == kernel)
  }

  @Test func clashingNamesCarryNumbers() throws {
    let (t, i, other) = (Axis(id: 3, name: "i"), Axis(id: 9, name: "i"), Axis(id: 5, name: "for"))
    let local = Local(id: 4, name: "i", dtype: .f32)
    let body: [Statement] = [
      .define(local, .load(0, .f32, at: .axis(i) + .axis(other))),
      .store(buffer: 1, offset: .axis(t), value: .local(local), guard: nil),
    ]
    let inner = Loop(other, .int(3), .serial, body)
    let kernel = Kernel(
      name: "für`x", parameters: [.init("x", .f32, .read), .init("x", .f32, .write)], sizes: ["i", "größe"],
      tileAxis: t, tiles: .size(0), body: [.loop(Loop(i, .size(1), .serial, [.loop(inner)]))])
    let text = KernelPrinter.print(kernel)
    #expect(text.contains("kernel `für\\`x`(%x#0: f32 read, %x#1: f32 write; i#s0, größe) tiles i#a3 in i#s0 {"))
    #expect(try parsed(text) == kernel)
    #expect(KernelPrinter.print(try parsed(text)) == text)
  }

  @Test func floatsKeepTheirBits() throws {
    let values: [Double] = [
      0, -0.0, .nan, Double(bitPattern: 0x7FF4_0000_0000_0001), .infinity, -.infinity, .leastNonzeroMagnitude, 1e300,
      0.1,
    ]
    for dtype in [DType.f32, .f64] {
      let body = values.enumerated().map {
        Statement.store(buffer: 0, offset: .int($0.offset), value: .real($0.element, dtype), guard: nil)
      }
      let kernel = Kernel(
        name: "k", parameters: [.init("y", dtype, .write)], tileAxis: Axis(id: 0, name: "t"), tiles: .int(1), body: body
      )
      let back = try parsed(KernelPrinter.print(kernel))
      #expect(back == kernel)
      for (statement, value) in zip(back.body, values) {
        guard case .store(_, _, let e, _) = statement else { continue }
        #expect(e.realValue?.bitPattern == value.bitPattern)
      }
    }
  }

  @Test func sharingDoesNotGrowTheText() throws {
    let axis = Axis(id: 0, name: "t")
    var e = Expr.load(0, .f32, at: .axis(axis))
    for _ in 0..<100 { e = e * e + 1 }
    let kernel = Kernel(
      name: "k", parameters: [.init("x", .f32, .read), .init("y", .f32, .write)], tileAxis: axis, tiles: .int(4),
      body: [.store(buffer: 1, offset: .axis(axis), value: e, guard: nil)])
    let text = KernelPrinter.print(kernel)
    #expect(text.utf8.count < 5000)
    #expect(KernelPrinter.print(try parsed(text)) == text)
  }

  @Test(arguments: [
    ("", "found the end of the file, expected 'kernel'"),
    ("kernel k(%x: f31 read) tiles t in 1 {}", "found 'f31', expected an element type"),
    ("kernel k() tiles t in 1 {\n  q = 1\n}", "no variable is named 'q'"),
    ("kernel k(%y: i64 write) tiles t in 1 {\n  %y[0] = u\n}", "nothing is named 'u' here"),
    ("kernel k(%y: i64 write) tiles t in 1 {\n  %y[0] = 1 < 2 < 3\n}", "comparisons do not chain, use brackets"),
    (
      "kernel k(%y: i64 write) tiles t in 1 {\n  %y[0] = 300000000000000000000\n}",
      "'300000000000000000000' is not a value of i64"
    ),
    ("kernel k(%y: i64 write) tiles t in 1 {\n  %y[0] = $3\n}", "'$3' has no value yet"),
    ("kernel k(%y: i64 write) tiles t in 1 {\n  %y[0] = foo(1, 2)\n}", "no function 'foo' takes 2 operands"),
    ("kernel k() tiles t in 1 {\n  let ` = 1", "the name's closing '`' is missing"),
  ])
  func mistakesAreNamed(_ text: String, _ message: String) {
    do {
      _ = try parsed(text)
      Issue.record("accepted")
    } catch let error as DiagnosticsError {
      #expect(error.diagnostics.first?.message == message)
      #expect(error.diagnostics.first?.location != nil)
    } catch {
      Issue.record(error)
    }
  }

  @Test(arguments: ["(", "-", "!", "select(", "%x[", "f32("])
  func deepNestingIsAnError(_ opening: String) {
    let text = "kernel k(%x: f32 read) tiles t in \(String(repeating: opening, count: 100_000))"
    #expect(throws: DiagnosticsError.self) { try parsed(text) }
    let chain = "kernel k(%x: f32 read) tiles t in \(String(repeating: "1 + ", count: 100_000))1 {}"
    #expect(throws: DiagnosticsError.self) { try parsed(chain) }
  }
}
