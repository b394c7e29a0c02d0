// SPDX-License-Identifier: Apache-2.0
// Prints measurements as a table or as JSON.

import Foundation
import LLVMBackend

/// A figure as a part of what the machine can do.
struct Ratio {
  var value: Double
  var of: String
}

struct Table {
  let json: Bool

  func machine(_ peak: Peak, _ target: TargetDescription) {
    if json {
      let rows = peak.bandwidths.map {
        "{\"bytes\": \($0.bytes), \"read\": \(number($0.read)), \"write\": \(number($0.write)), "
          + "\"copy\": \(number($0.copy))}"
      }
      print(
        "{\"group\": \"machine\", \"cpu\": \"\(target.name)\", \"vector_bits\": \(target.vectorBits), "
          + "\"llvm\": \(LLVMLibrary.majorVersion), \"gflops\": \(number(peak.flops)), "
          + "\"bandwidth_gb_s\": [\(rows.joined(separator: ", "))]}")
      return
    }
    print("\(target.name), \(target.vectorBits)-bit vectors, LLVM \(LLVMLibrary.majorVersion), one core")
    print("multiply-adds  \(number(peak.flops)) GFLOP/s")
    for part in peak.bandwidths {
      let size = part.bytes >= 1 << 20 ? "\(part.bytes >> 20) MB" : "\(part.bytes >> 10) KB"
      print(
        "\(padded(part.name, 5))\(padded(size, 8)) read \(right(part.read)), write \(right(part.write)), "
          + "copy \(right(part.copy)) GB/s")
    }
    print("\ngroup          case                                  time us        rate              of the machine           compile ms")
  }

  func row(
    _ group: String, _ name: String, nanoseconds: Double, rate: Double, _ unit: String, _ ratio: Ratio?,
    _ compileMilliseconds: Double
  ) {
    if json {
      let part = ratio.map { ", \"percent\": \(number($0.value * 100)), \"of\": \"\($0.of)\"" } ?? ""
      print(
        "{\"group\": \"\(group)\", \"name\": \"\(name)\", \"us\": \(number(nanoseconds * 1e-3)), "
          + "\"rate\": \(number(rate)), \"unit\": \"\(unit)\"\(part), \"compile_ms\": \(number(compileMilliseconds))}")
    } else {
      let part = ratio.map { "\(right($0.value * 100)) % of \($0.of)" } ?? ""
      print(
        padded(group, 15) + padded(name, 33) + right(nanoseconds * 1e-3) + right(rate) + " " + padded(unit, 12)
          + padded(part, 32) + right(compileMilliseconds))
    }
    fflush(nil)
  }

  private func number(_ value: Double) -> String { String(format: "%.2f", value) }
  private func right(_ value: Double) -> String { String(format: "%11.2f", value) }
  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}
