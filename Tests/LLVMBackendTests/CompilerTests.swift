// SPDX-License-Identifier: Apache-2.0
// The compiler around the emitter: cache, objects, hashes, errors.

import GraphSupport
import KernelIR
import LLVMBackend
import TensorCore
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct CompilerTests {
  static func kernel(_ name: String, scale: Double = 2) throws -> Kernel {
    try Harness.parse(
      """
      kernel \(name)(%x: f32 read, %\(name): f32 write) tiles t in 1 {
        for j in 20 vector(1) {
          %\(name)[j] = exp(%x[j]) * \(scale)
        }
      }

      """)
  }

  final class Folder {
    let path: String
    init() {
      var template = Array("/tmp/lamina-test-XXXXXX".utf8CString)
      path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }
    var entries: [String] {
      guard let directory = opendir(path) else { return [] }
      defer { closedir(directory) }
      var names: [String] = []
      while let entry = readdir(directory) {
        names.append(
          withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
          })
      }
      return names.filter { $0.hasSuffix(".kernel") }
    }
    deinit {
      for name in entries { unlink("\(path)/\(name)") }
      rmdir(path)
    }
  }

  @Test func equalKernelsAreOneEntry() throws {
    let folder = Folder()
    let compiler = KernelCompiler(cache: KernelCache(folder: folder.path))
    let loaded = try compiler.load([Self.kernel("a"), Self.kernel("b"), Self.kernel("c", scale: 3)])
    #expect(loaded.functions.count == 3)
    #expect(folder.entries.count == 2)
  }

  @Test func damagedEntriesAreRebuilt() throws {
    let folder = Folder()
    let kernel = try Self.kernel("a")
    let first = try KernelCompiler(cache: KernelCache(folder: folder.path)).compile([kernel])
    let path = "\(folder.path)/\(try #require(folder.entries.first))"
    func contents() throws -> [UInt8] {
      let file = try FileMapping(path)
      return withExtendedLifetime(file) { Array(file.bytes) }
    }
    let whole = try contents()
    var damaged: [[UInt8]] = [[], Array(whole.prefix(30)), Array(whole.dropLast()), whole + [0]]
    for place in stride(from: 0, to: whole.count, by: 7) {
      var bytes = whole
      bytes[place] ^= 0x10
      damaged.append(bytes)
    }
    for bytes in damaged {
      try AtomicFile.write(bytes, to: path)
      #expect(try KernelCompiler(cache: KernelCache(folder: folder.path)).compile([kernel]) == first)
      #expect(try contents() == whole)
    }
  }

  @Test func cachedCodeRuns() throws {
    let folder = Folder()
    let kernels = try (1...5).map { try Self.kernel("k", scale: Double($0)) }
    _ = try KernelCompiler(cache: KernelCache(folder: folder.path)).load(kernels)
    let loaded = try KernelCompiler(cache: KernelCache(folder: folder.path)).load(kernels)
    for (index, function) in loaded.functions.enumerated() {
      let memory = [
        GuardedMemory(Harness.bytes([Float](repeating: 0, count: 20))), GuardedMemory(LoopTests.floats(20)),
      ]
      Harness.call(function, kernels[index], memory.compactMap(\.bytes.baseAddress), [], 0..<1)
      withExtendedLifetime(memory) {
        #expect(memory[1].bytes.bindMemory(to: Float.self).allSatisfy { $0 == Float(index + 1) })
      }
    }
    withExtendedLifetime(loaded) {}
  }

  @Test func oldEntriesMakeRoom() throws {
    let folder = Folder()
    func compile(_ scale: Int, sizeLimit: Int) throws {
      _ = try KernelCompiler(cache: KernelCache(folder: folder.path, sizeLimit: sizeLimit, trimInterval: 1)).compile([
        Self.kernel("k", scale: Double(scale))
      ])
    }
    for scale in 1...3 { try compile(scale, sizeLimit: 1 << 20) }
    #expect(folder.entries.count == 3)
    // Room for one entry of a block or two, of which three quarters are kept.
    try compile(4, sizeLimit: 8192)
    #expect((0...1).contains(folder.entries.count))
  }

  /// The examples of FIPS 180-4.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (String(repeating: "a", count: 1000), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"),
  ]) func hashes(_ text: String, _ expected: String) {
    let digits = Array("0123456789abcdef".utf8)
    let hash = SHA256.hash(Array(text.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    #expect(String(decoding: hash, as: UTF8.self) == expected)
  }

  @Test func namesOfProcessors() throws {
    #expect(throws: DiagnosticsError.self) { try TargetDescription.named("i386") }
    #expect(try TargetDescription.host(nil) == .native)
    #expect(try TargetDescription.host("") == .native)
    let level = try TargetDescription.named("x86-64-v3")
    #expect(level.vectorBits == 256 && level.hasFMA)
  }

  @Test func textOfCode() throws {
    let compiler = Harness.compiler(.native)
    let kernel = try Self.kernel("a")
    #expect(try compiler.llvmText(kernel).contains("define void @kernel"))
    #expect(try compiler.assembly(kernel).contains("ret"))
  }

  /// The system's linker takes the object, and its function computes.
  @Test func objectsLink() throws {
    let folder = Folder()
    let (object, library) = ("\(folder.path)/k.o", "\(folder.path)/k.so")
    defer {
      unlink(object)
      unlink(library)
    }
    let kernels = [try Self.kernel("a"), try Self.kernel("b", scale: 3)]
    let bytes = try Harness.compiler(.native).object(kernels, names: ["first", "second"])
    try AtomicFile.write(bytes, to: object)
    guard runs("cc -shared -nostdlib -o \(library) \(object)") else { return }
    let handle = try #require(dlopen(library, RTLD_NOW))
    defer { dlclose(handle) }
    for (name, scale) in [("first", Float(2)), ("second", 3)] {
      let function = try #require(dlsym(handle, name))
      let memory = [
        GuardedMemory(Harness.bytes([Float](repeating: 0, count: 20))), GuardedMemory(LoopTests.floats(20)),
      ]
      Harness.call(UnsafeRawPointer(function), kernels[0], memory.compactMap(\.bytes.baseAddress), [], 0..<1)
      withExtendedLifetime(memory) {
        #expect(memory[1].bytes.bindMemory(to: Float.self).allSatisfy { $0 == scale })
      }
    }
  }

  private func runs(_ command: String) -> Bool {
    let stream = popen("\(command) 2>/dev/null", "r")
    return stream.map { pclose($0) == 0 } ?? false
  }
}
