// SPDX-License-Identifier: Apache-2.0
// What the tests of this target share: fixtures, scratch files, mutations.

import Glibc
import GraphSupport
import TensorCore
import TensorFiles
import Testing

/// The path of a file that NumPy wrote (`make_fixtures.py`).
func fixture(_ name: String, file: String = #filePath) -> String {
  file.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/Fixtures/\(name)"
}

/// A folder that is gone when its owner is.
final class ScratchFolder {
  let path: String

  init() {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = "\(parent)/tensor-files-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    mkdir(path, 0o700)
  }

  deinit {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(path)/\(name)")
      }
      closedir(folder)
    }
    rmdir(path)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file in place of an old one, without the care of `AtomicFile`.
  func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = file(name)
    unlink(path)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    return path
  }

  func write(_ text: String, _ name: String) -> String { write(Array(text.utf8), name) }
}

func contents(_ path: String) throws -> [UInt8] { try FileMapping(path).withBytes { Array($0) } }

/// The message of the error that `body` throws, with `line:column` where the error has a place.
func failure(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch let error as DiagnosticsError {
    let first = error.diagnostics[0]
    guard let location = first.location else { return first.message }
    let (line, column) = location.file.position(at: location.range.start)
    return "\(line):\(column): \(first.message)"
  } catch {
    return "another error: \(error)"
  }
}

/// Repeatable random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Damages a file's bytes in one to three places: bits, bytes, cuts, copies, and numbers of every width.
func mutated(_ original: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
  var bytes = original
  for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
    // Most of what can go wrong is near the ends, where headers and directories are.
    let near = min(bytes.count, 160)
    let place =
      switch Int.random(in: 0..<4, using: &random) {
      case 0: Int.random(in: 0..<bytes.count, using: &random)
      case 1: bytes.count - 1 - Int.random(in: 0..<near, using: &random)
      default: Int.random(in: 0..<near, using: &random)
      }
    switch Int.random(in: 0..<7, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = .random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(place...)
    case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &random)))
    case 4:
      bytes.insert(
        contentsOf: bytes[place..<min(bytes.count, place + Int.random(in: 1...8, using: &random))], at: place)
    case 5:
      let width = [1, 2, 4, 8].randomElement(using: &random) ?? 1
      let value = [UInt64.max, .max >> 1, 0, 1 << 31, 1 << 63].randomElement(using: &random) ?? 0
      for index in 0..<width where place + index < bytes.count {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
      }
    default:
      let marks = Array("0123456789-{}[](),:'\"\\eE.".utf8)
      bytes[place] = marks.randomElement(using: &random) ?? 0
    }
  }
  return bytes
}

/// Reads thousands of damaged versions of a file. Each gives tensors, whose bytes are then all read, or a
/// `DiagnosticsError`; a trap or another error ends the test.
func survivesMutations(_ path: String, as name: String, count: Int = 3000, seed: UInt64 = 1) throws {
  let scratch = ScratchFolder()
  let original = try contents(path)
  var random = SeededGenerator(state: seed)
  var refused = 0
  for _ in 0..<count {
    let damaged = scratch.write(mutated(original, &random), name)
    do throws(DiagnosticsError) {
      for (_, tensor) in try readTensors(damaged) {
        #expect(tensor.integers().count == tensor.count)
      }
    } catch {
      refused += 1
      #expect(error.diagnostics.allSatisfy { $0.file == damaged && !$0.message.isEmpty })
    }
  }
  #expect(refused > count / 10, "hardly any mutation was noticed")
}
