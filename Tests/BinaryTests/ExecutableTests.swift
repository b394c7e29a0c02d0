// SPDX-License-Identifier: Apache-2.0
// Executables: what they need, how large they are, how fast they start, and that they answer right.

import ExecutableLinker
import Foundation
import GraphSupport
import PlanIR
import TensorCore
import Testing

@Suite struct ExecutableTests {
  let folder: Folder
  let program: String

  init() throws {
    folder = try Folder()
    program = folder.file("digits")
    try withSampleLinker(folder) { try $0.write(to: folder.file("digits")) }
    try folder.write("x.npy", npy("<f4", [12, sampleInputs], bytes(sampleImage(12))))
  }

  private func answer(_ arguments: [String]) throws -> [UInt8] {
    let finished = try shell(program, arguments + ["--output", "class=\(folder.file("class.raw"))"])
    #expect(finished.status == 0 && finished.error == "", "\(finished.error)")
    return try folder.read("class.raw")
  }

  @Test func needsLibcOnlyAndIsSmall() throws {
    let sections = try shell("/usr/bin/env", ["readelf", "-dW", program]).output
    let needed = sections.split(separator: "\n").filter { $0.contains("NEEDED") }
    #expect(needed.count == 1 && needed.allSatisfy { $0.contains("[libc.so.6]") }, "\(needed)")
    let symbols = try shell("/usr/bin/env", ["readelf", "--dyn-syms", "-W", program]).output
    #expect(!symbols.contains("swift_") && !symbols.contains("LLVM") && symbols.contains("posix_memalign"))
    let beside = try folder.size("digits") - samplePlan().weightsByteCount
    #expect(beside <= 64 << 10, "\(beside) bytes beside the weights")
    print("executable: \(beside) bytes beside the weights")
  }

  /// Reports the time from start to answer; other work on the machine decides about it, so nothing is asserted of it.
  @Test func startsAndAnswers() throws {
    try folder.write("one.npy", npy("<f4", [1, sampleInputs], bytes(sampleImage(1))))
    var best = Duration.seconds(1)
    for _ in 0..<20 {
      var status: Int32 = 0
      let time = try ContinuousClock().measure {
        status = try spawn(
          program,
          ["--input", folder.file("one.npy"), "--output", "class=/dev/null", "--output", "probability=/dev/null"])
      }
      #expect(status == 0)
      best = min(best, time)
    }
    print("executable: \(best) from start to answer")
  }

  /// Without Foundation's own cost.
  private func spawn(_ program: String, _ arguments: [String]) throws -> Int32 {
    var vector: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in vector { free(word) } }
    var process = pid_t()
    try #require(posix_spawn(&process, program, nil, nil, &vector, environ) == 0)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    #expect(status == 0)
    return status
  }

  @Test func answersFromEveryFormat() throws {
    let expected = bytes((0..<12).map { Int64($0 % 10) })
    let image = sampleImage(12)
    #expect(try answer(["--input", "图像=\(folder.file("x.npy"))"]) == expected)
    #expect(try answer(["--input=\(folder.file("x.npy"))", "--threads", "1", "--dim", "N=12"]) == expected)
    #expect(try answer(["--input", folder.file("x.npy"), "--threads=7"]) == expected)
    try folder.write("double.npy", npy("<f8", [12, sampleInputs], bytes(image.map { Double($0) }), version: 2))
    #expect(try answer(["--input", folder.file("double.npy")]) == expected)
    try folder.write("int.npy", npy("|u1", [12, sampleInputs], image.map { UInt8($0 * 16) }, version: 3))
    #expect(try answer(["--input", folder.file("int.npy")]) == expected)
    try folder.write("x.raw", bytes(image))
    #expect(try answer(["--input", folder.file("x.raw"), "--dim", "N=12"]) == expected)
    let rows = (0..<12).map { row in
      image[row * sampleInputs..<(row + 1) * sampleInputs].map { "\($0)" }.joined(separator: row % 2 == 0 ? "," : ", ")
    }
    try folder.write("x.csv", Array("\u{FEFF}pixel0,pixel1\r\n\(rows.joined(separator: "\r\n"))\r\n".utf8))
    #expect(try answer(["--input", folder.file("x.csv")]) == expected)
  }

  @Test func writesEveryFormat() throws {
    let arguments = ["--input", folder.file("x.npy")]
    let written = try shell(
      program,
      arguments + ["--output", "class=\(folder.file("类.npy"))", "--output", "probability=\(folder.file("p.csv"))"])
    #expect(written.status == 0 && written.output == "" && written.error == "")
    #expect(try folder.read("类.npy") == npy("<i8", [12], bytes((0..<12).map { Int64($0 % 10) })))
    let rows = String(decoding: try folder.read("p.csv"), as: UTF8.self).split(separator: "\n")
    #expect(rows.count == 12)
    for (row, line) in rows.enumerated() {
      let values = line.split(separator: ",").compactMap { Double($0) }
      #expect(values.count == 10 && abs(values.reduce(0, +) - 1) < 1e-5)
      #expect(values.indices.max { values[$0] < values[$1] } == row % 10)
    }
    let again = try shell(program, ["--input", folder.file("p.csv")])
    #expect(again.status == 1)
  }

  @Test func summarises() throws {
    let finished = try shell(program, ["--input", folder.file("x.npy")])
    #expect(finished.status == 0)
    #expect(finished.output.contains("probability  f32[12, 10]\n  row 0:  class 0 ("))
    #expect(finished.output.contains("… 12 rows") && finished.output.contains("class  i64[12]\n"))
    #expect(finished.output.contains("0, 1, 2, 3, 4, 5, 6, 7, …"))
  }

  @Test func describesItself() throws {
    let help = try shell(program, ["--help"])
    #expect(help.status == 0 && help.output.contains("图像  f32[N, 784]") && help.output.contains("N  1...4096"))
    let json = try JSONSerialization.jsonObject(
      with: Data(try shell(program, ["--describe", "--threads", "1"]).output.utf8))
    let model = try #require(json as? [String: Any])
    #expect(model["name"] as? String == "数字 digits")
    #expect((model["inputs"] as? [[String: Any]])?.first?["type"] as? String == "f32[N, 784]")
    #expect((model["inputs"] as? [[String: Any]])?.first?["shape"] as? NSArray == ["N", 784])
    #expect((model["build"] as? [String: String])?["source"] == "a\"b\\c")
    #expect((model["arena"] as? [String: Any])?["bytes"] as? Int == 64 + 128)
    #expect((model["arena_worst"] as? [String: Any])?["bytes"] as? Int == 4096 * 40 + 128)
    #expect(model["weights_inside"] as? Bool == true)
    let bench = try shell(program, ["--bench", "--dim", "N=3"])
    #expect(
      bench.status == 0 && bench.output.contains("median") && bench.output.contains("hidden  (k_dense)")
        || bench.output.contains("(k_dense)"))
  }

  @Test func refusesWrongInput() throws {
    try folder.write("short.npy", Array(npy("<f4", [1, sampleInputs], bytes(sampleImage(1))).dropLast(4)))
    try folder.write("wide.npy", npy("<f4", [1, 783], bytes([Float](repeating: 0, count: 783))))
    try folder.write("flat.npy", npy("<f4", [sampleInputs], bytes(sampleImage(1))))
    try folder.write("fortran.npy", npy("<f4", [2, sampleInputs], bytes(sampleImage(2)), fortran: true))
    try folder.write("big.npy", npy("<f4", [1 << 40, 1 << 40], []))
    try folder.write("many.npy", npy("<f4", [5000, sampleInputs], bytes(sampleImage(5000))))
    try folder.write("text.npy", npy("<U4", [1], [0, 0, 0, 0]))
    try folder.write("x.csv", Array("1,2\n3\n".utf8))
    try folder.write("y.csv", Array("1,2\n3,b\n".utf8))
    try folder.write("empty.npy", [])
    let cases: [([String], Int32, [String])] = [
      ([], 1, ["'图像' is missing", "图像  f32[N, 784]"]),
      (["--input", "none.npy"], 1, ["cannot read 'none.npy'"]),
      (["--input", folder.path], 1, ["it is a folder"]),
      (["--input", folder.file("short.npy")], 1, ["3132", "3136"]),
      (["--input", folder.file("wide.npy")], 1, ["f32[1, 783]", "f32[1, 784]", "wide.npy"]),
      (["--input", folder.file("flat.npy"), "--dim", "N=1"], 1, ["f32[784]", "f32[1, 784]"]),
      (["--input", folder.file("fortran.npy")], 1, ["Fortran"]),
      (["--input", folder.file("big.npy")], 1, ["damaged shape"]),
      (["--input", folder.file("many.npy")], 1, ["5000", "1...4096"]),
      (["--input", folder.file("text.npy")], 1, ["'<U4'"]),
      (["--input", folder.file("x.csv")], 1, ["line 2", "expected 2"]),
      (["--input", folder.file("y.csv")], 1, ["line 2", "'b'"]),
      (["--input", folder.file("empty.npy")], 1, ["no .npy file"]),
      (["--input", folder.file("x.npy"), "--dim", "N=3"], 1, ["f32[12, 784]", "f32[3, 784]"]),
      (["--input", folder.file("x.npy"), "--output", "class=/nowhere/y.npy"], 1, ["cannot write '/nowhere/y.npy'"]),
      (["--input", "picture=x.npy"], 2, ["no 'picture'"]),
      (["--input", "图像=a", "--input", "图像=\(folder.file("x.npy"))"], 1, ["cannot read 'a'"]),
      (["--output", "y.npy"], 2, ["NAME=PATH"]),
      (["--dim", "M=3"], 2, ["no size 'M'"]),
      (["--dim", "N=x"], 2, ["'x'"]),
      (["--threads", "0"], 2, ["1...1024"]),
      (["--threads"], 2, ["needs a value"]),
      (["--verbose"], 2, ["unknown argument '--verbose'"]),
    ]
    for (arguments, status, parts) in cases {
      let finished = try shell(program, arguments)
      #expect(finished.status == status, "\(arguments): \(finished)")
      for part in parts { #expect(finished.error.contains(part), "\(arguments): \(finished.error)") }
      #expect(finished.output == "")
    }
  }

  /// Damaged .npy headers are refused; nothing crashes.
  @Test func survivesDamagedFiles() throws {
    let good = npy("<f4", [1, sampleInputs], bytes(sampleImage(1)))
    var state: UInt64 = 3
    for _ in 0..<60 {
      var damaged = good
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        damaged[Int(state >> 33) % 96] = UInt8(truncatingIfNeeded: state >> 20)
      }
      try folder.write("damaged.npy", damaged)
      let finished = try shell(program, ["--input", folder.file("damaged.npy")])
      #expect(finished.status == 0 || finished.status == 1, "\(finished)")
    }
  }

  @Test func weightsBeside() throws {
    try withSampleLinker(folder) {
      try $0.write(to: folder.file("alone"), weights: .beside(folder.file("alone.weights")))
    }
    let weights = samplePlan().weightsByteCount
    #expect(try folder.size("alone.weights") == weights && folder.size("alone") <= 64 << 10)
    let arguments = ["--input", folder.file("x.npy"), "--output", "class=\(folder.file("c.raw"))"]
    #expect(try shell(folder.file("alone"), arguments).status == 0)
    #expect(try folder.read("c.raw") == bytes((0..<12).map { Int64($0 % 10) }))
    try FileManager.default.moveItem(atPath: folder.file("alone.weights"), toPath: folder.file("moved"))
    let lost = try shell(folder.file("alone"), arguments)
    #expect(lost.status == 1 && lost.error.contains("alone.weights"))
    #expect(try shell(folder.file("alone"), ["--help"]).status == 0)
    #expect(try shell(folder.file("alone"), arguments + ["--weights", folder.file("moved")]).status == 0)
    let wrong = try shell(folder.file("alone"), arguments + ["--weights", folder.file("x.npy")])
    #expect(wrong.status == 1 && wrong.error.contains("expected \(weights)"))
  }
}
