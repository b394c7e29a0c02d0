// SPDX-License-Identifier: Apache-2.0
// How far long work is: on a terminal one line that updates, in a log one line a few seconds.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Shows what is being done on standard error.
final class Progress {
  private let isQuiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let interval: Duration = .seconds(5)
  private let start = ContinuousClock.now
  private var last: ContinuousClock.Instant?
  private var isShown = false

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  /// Shows a text; in a log only when none was shown for some seconds.
  func show(_ text: String) {
    if isQuiet { return }
    let now = ContinuousClock.now
    if isTerminal {
      Terminal.error("\r\u{1B}[K\(text)", ending: "")
      isShown = true
    } else if last.map({ now - $0 >= interval }) ?? true {
      Terminal.error(text)
      last = now
    }
  }

  /// Shows how much of the work is done, and how long the rest takes if it goes on like that.
  func show(_ text: String, done: Int, of total: Int) {
    let spent = (ContinuousClock.now - start) / .seconds(1)
    let left = done > 0 ? ", \(timeText(spent / Double(done) * Double(total - done) * 1e9)) left" : ""
    show("\(text), \(done) of \(total)\(left)")
  }

  /// Takes the line away.
  func finish() {
    if isShown { Terminal.error("\r\u{1B}[K", ending: "") }
    isShown = false
  }
}
