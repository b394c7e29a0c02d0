// SPDX-License-Identifier: Apache-2.0
// What the verifier finds.

import GraphSupport
import KernelIR
import TensorCore
import Testing

@Suite struct KernelVerifierTests {
  /// Bodies over `%x: f32 read`, `%y: f32 write`, `%h: f16 write`, `%i: i8 read`, `%s: f32[8]`, n and t.
  @Test(arguments: [
    ("%y[t] = %x[t] + 1.0:f64", "kernel-type: 'add' has operands of f32 and f64, expected the same type"),
    ("%y[t] = exp(3)", "kernel-type: 'exp' does not take i64"),
    ("%y[t] = i32(1.0)", "kernel-type: the value is i32, expected f32"),
    ("%y[1.0] = 1.0", "kernel-type: the offset is f32, expected i64"),
    ("%h[t] = f16(%x[t])", "kernel-type: an expression has the type f16, which exists in memory only"),
    ("%y[t] = select(t, 1.0, 2.0)", "kernel-type: the condition of 'select' is i64, expected bool"),
    ("%y[t] = bitcast(t, f32)", "kernel-type: 'bitcast' from i64 to f32, expected the same width"),
    ("%y[t] = f32(300:i8)", "kernel-type: the constant 300 is not a value of i8"),
    ("%x[t] = 1.0", "kernel-access: the buffer 'x' is written but only readable"),
    ("%y[t] = %y[t]", "kernel-access: the buffer 'y' is read but only writable"),
    ("%y[0] = 1.0", "kernel-race: every tile writes the same elements of 'y'"),
    ("let a: f32 = 1.0\na = 2.0", "kernel-scope: 'a' is defined once and cannot be updated"),
    ("for j in 4 {\nlet a: f32 = 1.0\n}\n%y[t] = a", "kernel-scope: the variable 'a' is not in scope"),
    ("for j in 4 {\n%y[t] = 1.0\n}\n%y[t + j] = 1.0", "kernel-scope: the axis 'j' is not in scope"),
    ("for t in 4 {\n%y[t] = 1.0\n}", "kernel-scope: the number of axis 't' is already that of an axis in scope"),
    (
      "var a: f32 = 0.0\nfor j in 4 vector(1) {\na = 1.0\n}",
      "kernel-vector: 'a' from outside a vector loop is assigned in it"
    ),
    (
      "var a: f32 = 0.0\nfor j in 4 vector(1) {\na += a\n}",
      "kernel-vector: 'a' is read in the vector loop that accumulates it"
    ),
    (
      "var a: f32 = 0.0\nfor j in 4 vector(1) {\na += 1.0\na max= 1.0\n}",
      "kernel-vector: 'a' is combined by both 'sum' and 'max' in one vector loop"
    ),
    (
      "for j in 4 vector(1) {\nwhile false {\n}\n}",
      "kernel-vector: a 'while' stands inside a vector loop or an epilogue"
    ),
    (
      "for j in 4 vector(1) {\nfor k in 4 vector(1) {\n}\n}",
      "kernel-vector: a vector loop stands inside a vector loop or an epilogue"
    ),
    ("for j in n unrolled {\n}", "kernel-loop: an unrolled loop needs a constant extent of at most 64"),
    ("for j in 4 vector(99) {\n}", "kernel-loop: 99 vectors at a time, expected 1 to 16"),
    ("var b: bool = true\nb += false", "kernel-type: 'sum' does not combine bool"),
    ("var a: f32 = 0.0\nvar b: f32 = 0.0\n(a, b) max= 1.0 at 2.0", "kernel-type: the index 'b' is not i64"),
    (
      "contract c: f32 rows i in 4 columns j in 4 tile(4, 16, 4) {\na %x[0]\nb %i[0]\ndepth 4 step a 1, b 4\n} epilogue {\n}",
      "kernel-contract: the operand B of i8 does not sum to f32"
    ),
    (
      "contract c: f32 rows i in 4 columns j in 4 tile(4, 16, 4) {\na %x[j]\nb %x[0]\ndepth 4 step a 1, b 4\n} epilogue {\n}",
      "kernel-scope: the axis 'j' is not in scope"
    ),
    (
      "contract c: f32 rows i in 4 columns j in 4 tile(4, 0, 4) {\na %x[0]\nb %x[0]\n} epilogue {\nfor k in 4 {\n}\n}",
      "kernel-contract: 0 depth axes, expected 1 to 8"
    ),
    (
      "contract c: f32, d: f32 rows i in 4 columns j in 4 tile(4, 16, 4) {\na %x[0]\nb %x[0]\ndepth 4 step a 1, b 4\n} epilogue {\n}",
      "kernel-contract: groups of columns without a packed B"
    ),
    (
      "contract c: f32, d: f64 rows i in 4 columns j in 4 tile(4, 16, 4) {\na %x[0]\nb packed %x[0]\ndepth 4 step a 1, b 4\n} epilogue {\n}",
      "kernel-contract: accumulators of several types"
    ),
  ])
  func finds(_ body: String, _ expected: String) throws {
    let kernel = try parsed(
      "kernel k(%x: f32 read, %y: f32 write, %h: f16 write, %i: i8 read; n) scratch(%s: f32[8]) tiles t in n {\n\(body)\n}"
    )
    let findings = KernelVerifier.verify(kernel).map { finding in
      let message = finding.message.replacing("kernel 'k': ", with: "")
      return "\(finding.id): \(message.split(separator: ", in '").first ?? "")"
    }
    #expect(findings.contains(expected), "\(findings)")
  }

  @Test func manyFindingsAtOnce() throws {
    let kernel = try parsed("kernel k(%y: f32 read) scratch(%s: f32[0]) tiles t in 3 {\n%y[t] = 1\nlet a: i8 = t\n}")
    #expect(KernelVerifier.verify(kernel).count == 4)
  }

  @Test func whatDoesNotExistIsNamed() {
    let axis = Axis(id: 0, name: "t")
    let value = Expr.load(7, .f32, at: .size(3))
    let kernel = Kernel(
      name: "k", parameters: [], tileAxis: axis, tiles: .int(1),
      body: [.store(buffer: 9, offset: .int(0), value: value, guard: nil)])
    let ids = KernelVerifier.verify(kernel).map(\.id)
    #expect(ids == ["kernel-size", "kernel-buffer", "kernel-buffer"])
    #expect(KernelPrinter.print(kernel).contains("%`no buffer`#9[0] = %`no buffer`#7[`no size`#s3]"))
  }

  @Test func veryHighExpressionsAreRefused() {
    let axis = Axis(id: 0, name: "t")
    var e = Expr.load(0, .f32, at: .axis(axis))
    for _ in 0..<5000 { e = e + 1 }
    let kernel = Kernel(
      name: "k", parameters: [.init("x", .f32, .read), .init("y", .f32, .write)], tileAxis: axis, tiles: .int(3),
      body: [.store(buffer: 1, offset: .axis(axis), value: e, guard: nil)])
    #expect(KernelVerifier.verify(kernel).map(\.id) == ["kernel-too-deep"])
  }
}
