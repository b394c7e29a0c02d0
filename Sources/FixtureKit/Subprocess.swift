// SPDX-License-Identifier: Apache-2.0
// Running programs, and a folder for their files.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a program did.
package struct FinishedProgram: Sendable {
  /// Its exit code; 128 and the signal's number more when a signal ended it.
  package var status: Int32
  package var output: String
  package var error: String
}

/// Runs a program to its end.
///
/// - Parameters:
///   - environment: `NAME=VALUE`, in place of this process' own of the same names.
///   - folder: Where it runs; else where this process does.
package func runProgram(
  _ program: String, _ arguments: [String], environment: [String] = [], in folder: String? = nil
) throws -> FinishedProgram {
  let scratch = try TemporaryFolder()
  let (output, error) = (scratch.file("output"), scratch.file("error"))
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  // Files: two pipes would have to be drained at once.
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
  posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT, 0o600)
  // The shell goes to the folder: posix_spawn does not everywhere.
  let command =
    folder.map { ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", $0, program] + arguments } ?? [program] + arguments
  var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  defer { for word in words { free(word) } }
  let changed = environment.map { $0.prefix { $0 != "=" } }
  let inherited = currentEnvironment().filter { !changed.contains($0.prefix { $0 != "=" }) }
  var variables: [UnsafeMutablePointer<CChar>?] = (environment + inherited).map { strdup($0) } + [nil]
  defer { for variable in variables { free(variable) } }
  var process = pid_t()
  let code = posix_spawn(&process, command[0], &actions, nil, &words, &variables)
  guard code == 0 else { throw SystemFailure.diagnostics("cannot-start", "cannot start", program, code: code) }
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  let signal = status & 0x7F
  return FinishedProgram(
    status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: String(decoding: try readFile(output), as: UTF8.self),
    error: String(decoding: try readFile(error), as: UTF8.self))
}

private func currentEnvironment() -> [String] {
  var result: [String] = []
  let first: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
  guard var entry = first else { return result }
  while let text = entry.pointee {
    result.append(String(cString: text))
    entry += 1
  }
  return result
}
