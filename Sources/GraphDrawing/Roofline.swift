// SPDX-License-Identifier: Apache-2.0
// A roofline picture: what kernels reach, under what the machine can reach at their arithmetic per byte.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A machine's roofs and the kernels under them, drawn over two logarithmic axes: operations per byte to the right,
/// operations per nanosecond upwards.
package struct Roofline: Sendable {
  /// A limit of the machine.
  package struct Roof: Sendable {
    package var name: String
    /// Operations per nanosecond, or bytes per nanosecond.
    package var rate: Double

    package init(_ name: String, _ rate: Double) {
      self.name = name
      self.rate = rate
    }
  }

  /// A kernel. One that only moves data is drawn at the left edge, where its bytes per nanosecond are as high as the
  /// roof of a memory of that bandwidth.
  package struct Dot: Sendable {
    package var name: String
    package var flops: Double
    package var bytes: Double
    package var nanoseconds: Double
    /// What the machine needs at least.
    package var limitNanoseconds: Double
    /// Whether that is for reading and writing.
    package var isBoundByMemory: Bool

    package init(
      _ name: String, flops: Double, bytes: Double, nanoseconds: Double, limitNanoseconds: Double,
      isBoundByMemory: Bool
    ) {
      self.name = name
      self.flops = flops
      self.bytes = bytes
      self.nanoseconds = nanoseconds
      self.limitNanoseconds = limitNanoseconds
      self.isBoundByMemory = isBoundByMemory
    }
  }

  package var title: String
  package var subtitle: String
  package var arithmetic: [Roof]
  package var memories: [Roof]
  package var dots: [Dot]

  package init(title: String, subtitle: String, arithmetic: [Roof], memories: [Roof], dots: [Dot]) {
    self.title = title
    self.subtitle = subtitle
    self.arithmetic = arithmetic
    self.memories = memories
    // Large ones first, so that small ones lie on them.
    self.dots = dots.filter { $0.nanoseconds > 0 && ($0.flops > 0 || $0.bytes > 0) }.sorted {
      $0.nanoseconds > $1.nanoseconds
    }
  }

  /// The picture as an SVG file. It follows the reader's light or dark colours and needs nothing but itself.
  package func svg() -> String {
    var writer = RooflineWriter(self)
    return writer.write()
  }
}

/// A number that is not negative, with two digits behind the first.
private func significant(_ value: Double) -> String {
  guard value.isFinite, value > 0 else { return "0" }
  let power = Int(log10(value).rounded(.down))
  if power < -4 || power > 6 { return "10^\(power)" }
  let step = pow(10, Double(power - 2))
  let rounded = (value / step).rounded() * step
  if power >= 2 { return String(Int(rounded)) }
  // What 10^-3 · 123 leaves behind the digits that count goes.
  var digits = String(Int((rounded * 1e6).rounded()))
  digits = String(repeating: "0", count: max(0, 7 - digits.count)) + digits
  var text = "\(digits.dropLast(6)).\(digits.suffix(6))"
  while text.last == "0" { text.removeLast() }
  if text.last == "." { text.removeLast() }
  return text
}

/// A logarithmic scale over pixels.
private struct LogScale {
  let low: Double
  let high: Double
  let from: Double
  let to: Double

  /// The place of a value; values outside are at the ends.
  func callAsFunction(_ value: Double) -> Double {
    let part = log(max(low, min(high, value)) / low) / log(high / low)
    return from + (to - from) * part
  }

  /// 1, 2 and 5 times the powers of ten inside.
  var ticks: [(value: Double, isPower: Bool)] {
    (-15...15).flatMap { power in [1.0, 2, 5].map { ($0 * pow(10, Double(power)), $0 == 1) } }
      .filter { $0.0 >= low && $0.0 <= high }
  }

  var decades: Double { log10(high / low) }
}

extension Frame {
  fileprivate func overlaps(_ other: Frame) -> Bool {
    x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
  }
}

private struct RooflineWriter {
  private static let listed = 24
  private let roofline: Roofline
  private let total: Double
  private let width = 1180.0
  private let height = 660.0
  private let x: LogScale
  private let y: LogScale
  private var text = ""
  /// What labels may not cover.
  private var taken: [Frame] = []

  init(_ roofline: Roofline) {
    self.roofline = roofline
    total = max(roofline.dots.reduce(0) { $0 + $1.nanoseconds }, 1)
    let peak = max(roofline.arithmetic.map(\.rate).max() ?? 1, 1e-3)
    let slowest = max(roofline.memories.map(\.rate).min() ?? peak, 1e-6)
    let fastest = max(roofline.memories.map(\.rate).max() ?? peak, slowest)
    let intensities = roofline.dots.filter { $0.flops > 0 && $0.bytes > 0 }.map { $0.flops / $0.bytes }
    let left = min(intensities.min() ?? 1, peak / fastest) / 3
    let right = max(intensities.max() ?? 1, peak / slowest) * 2
    // Six powers of ten at most: what lies outside is drawn at the edge.
    let low = max(left, right * 1e-6)
    x = LogScale(low: low, high: right, from: 72, to: 772)
    let rates = roofline.dots.map { Self.rate($0, at: low) }
    let bottom = min(rates.min() ?? peak, slowest * low) / 2
    let top = max(peak, rates.max() ?? 0) * 2
    y = LogScale(low: max(bottom, top * 1e-6), high: top, from: 600, to: 72)
  }

  private static func rate(_ dot: Roofline.Dot, at left: Double) -> Double {
    (dot.flops > 0 ? dot.flops : dot.bytes * left) / dot.nanoseconds
  }

  mutating func write() -> String {
    text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(n(width))\" height=\"\(n(height))\""
    text += " viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\">\n<title>\(escaped(roofline.title))</title>\n"
    text += SVGStyle.sheet + Self.sheet
    text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    add(roofline.title, x: x.from, y: 28, "title start")
    add(roofline.subtitle, x: x.from, y: 50, "quiet start")
    addGrid()
    addRoofs()
    addDots()
    addList()
    return text + "</svg>\n"
  }

  private static let sheet = """
    <style>
    .start { text-anchor: start } .end { text-anchor: end }
    .grid { stroke: var(--frame); stroke-width: 0.5 } .axis { stroke: var(--line); fill: none }
    .roof { stroke: var(--ink); stroke-width: 2; fill: none } .slope { stroke: var(--line); stroke-width: 1.4; fill: none }
    .small { font-size: 11px } .number { font-size: 10px; font-weight: 600 }
    .compute { fill: #4477ee; fill-opacity: 0.55; stroke: #2a50b8 } .memory { fill: #ee8833; fill-opacity: 0.55; stroke: #b8601a }
    </style>

    """

  private mutating func add(_ words: String, x: Double, y: Double, _ style: String, _ more: String = "") {
    text += "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\"\(more)>\(escaped(words))</text>\n"
  }

  private mutating func addLine(_ from: Point, _ to: Point, _ style: String) {
    text += "<line class=\"\(style)\" x1=\"\(n(from.x))\" y1=\"\(n(from.y))\" x2=\"\(n(to.x))\" y2=\"\(n(to.y))\"/>\n"
  }

  // MARK: Axes and roofs

  private mutating func addGrid() {
    for tick in x.ticks {
      addLine(Point(x: x(tick.value), y: y.from), Point(x: x(tick.value), y: y.to), "grid")
      if tick.isPower || x.decades < 3 { add(significant(tick.value), x: x(tick.value), y: y.from + 18, "small") }
    }
    for tick in y.ticks {
      addLine(Point(x: x.from, y: y(tick.value)), Point(x: x.to, y: y(tick.value)), "grid")
      if tick.isPower || y.decades < 3 {
        add(significant(tick.value), x: x.from - 8, y: y(tick.value) + 4, "small end")
      }
    }
    text += "<rect class=\"axis\" x=\"\(n(x.from))\" y=\"\(n(y.to))\" width=\"\(n(x.to - x.from))\" "
    text += "height=\"\(n(y.from - y.to))\"/>\n"
    let middle = (y.from + y.to) / 2
    add("operations per byte of memory", x: (x.from + x.to) / 2, y: y.from + 40, "quiet")
    add("GFLOP/s", x: 22, y: middle, "quiet", " transform=\"rotate(-90 22 \(n(middle)))\"")
  }

  /// The slopes end at the highest flat roof. Their names stand along them, each a little further right, or behind the
  /// one before where two are close.
  private mutating func addRoofs() {
    let peak = roofline.arithmetic.map(\.rate).max() ?? y.high
    var before: (rate: Double, end: Double)?
    for (place, roof) in roofline.memories.sorted(by: { $0.rate > $1.rate }).enumerated() where roof.rate > 0 {
      let bottom = max(x.low, y.low / roof.rate)
      let ridge = peak / roof.rate
      guard ridge > bottom else { continue }
      let (from, to) = (Point(x: x(bottom), y: y(bottom * roof.rate)), Point(x: x(min(ridge, x.high)), y: y(min(ridge, x.high) * roof.rate)))
      addLine(from, to, "slope")
      let name = "\(roof.name) \(rateText(roof.rate)) GB/s"
      let room = 6.8 * Double(name.count) / max(hypot(to.x - from.x, to.y - from.y), 1)
      var part = 0.08 + 0.1 * Double(place)
      if let before, (y(roof.rate * bottom) - y(before.rate * bottom)).magnitude < 18 { part = max(part, before.end) }
      if part + room > 1 { part = 0.02 }
      before = (roof.rate, part + room)
      let at = Point(x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part)
      let angle = atan2(to.y - from.y, to.x - from.x) * 180 / .pi
      add(
        name, x: at.x, y: at.y - 5, "quiet start halo",
        " transform=\"rotate(\(n(angle)) \(n(at.x)) \(n(at.y)))\"")
    }
    for roof in roofline.arithmetic where roof.rate > 0 {
      let height = y(roof.rate)
      let start = roofline.memories.map { roof.rate / $0.rate }.min() ?? x.low
      addLine(Point(x: x(start), y: height), Point(x: x.to, y: height), "roof")
      let name = "\(roof.name) \(rateText(roof.rate)) GFLOP/s"
      add(name, x: max(x(start), x.from) + 6, y: height - 7, "quiet start halo")
      taken.append(Frame(x: max(x(start), x.from), y: height - 20, width: 200, height: 18))
    }
  }

  // MARK: Kernels

  private func place(_ dot: Roofline.Dot) -> Point {
    let across = dot.flops > 0 && dot.bytes > 0 ? dot.flops / dot.bytes : dot.flops > 0 ? x.high : x.low
    return Point(x: x(across), y: y(Self.rate(dot, at: x.low)))
  }

  private func radius(_ dot: Roofline.Dot) -> Double { 4 + 20 * (dot.nanoseconds / total).squareRoot() }

  private mutating func addDots() {
    for dot in roofline.dots {
      let (at, radius) = (place(dot), radius(dot))
      let rates =
        "\(rateText(dot.flops / dot.nanoseconds)) GFLOP/s, \(rateText(dot.bytes / dot.nanoseconds)) GB/s, "
        + "\(percent(dot.limitNanoseconds / dot.nanoseconds)) of what \(dot.isBoundByMemory ? "memory" : "arithmetic") allows"
      text += "<circle class=\"\(dot.isBoundByMemory ? "memory" : "compute")\" cx=\"\(n(at.x))\" cy=\"\(n(at.y))\" "
      text += "r=\"\(n(radius))\"><title>\(escaped(dot.name))\n\(percent(dot.nanoseconds / total)) of the time, \(rates)"
      text += "</title></circle>\n"
    }
    // Numbers stand in the dots with room for them, or beside.
    let frames = roofline.dots.map { dot in
      let (at, radius) = (place(dot), radius(dot))
      return Frame(x: at.x - radius, y: at.y - radius, width: 2 * radius, height: 2 * radius)
    }
    for (index, frame) in frames.enumerated().prefix(Self.listed) {
      let words = "\(index + 1)"
      let width = 7.0 * Double(words.count) + 2
      let centre = frame.centre
      let beside = [0.0, 0.25, 0.5, 0.75, 0.125, 0.375, 0.625, 0.875].map { turn in
        let distance = frame.width / 2 + 8
        return Point(x: centre.x + distance * cos(turn * 2 * .pi), y: centre.y - distance * sin(turn * 2 * .pi))
      }
      let candidates = frame.width >= 18 ? [centre] + beside : beside
      for (number, point) in candidates.enumerated() {
        let box = Frame(x: point.x - width / 2, y: point.y - 6, width: width, height: 12)
        let covers = frames.enumerated().contains { other, frame in
          other != index && frame.overlaps(box) && (number > 0 || frame.width < frames[index].width || frame == frames[index])
        }
        guard !covers, !taken.contains(where: { $0.overlaps(box) }), point.x > x.from, point.x < x.to else { continue }
        add(words, x: point.x, y: point.y + 4, "number halo")
        taken.append(box)
        break
      }
    }
  }

  /// The kernels that take most time, by number.
  private mutating func addList() {
    let left = x.to + 24
    add("share", x: left + 66, y: y.to + 4, "small end")
    add("of limit", x: left + 118, y: y.to + 4, "small end")
    add("kernel", x: left + 128, y: y.to + 4, "small start")
    var line = y.to + 24
    for (index, dot) in roofline.dots.prefix(Self.listed).enumerated() {
      text += "<circle class=\"\(dot.isBoundByMemory ? "memory" : "compute")\" cx=\"\(n(left + 2))\" cy=\"\(n(line - 4))\" r=\"5\"/>\n"
      add("\(index + 1)", x: left + 12, y: line, "small start")
      add(percent(dot.nanoseconds / total), x: left + 66, y: line, "small end")
      add(percent(dot.limitNanoseconds / dot.nanoseconds), x: left + 118, y: line, "small end")
      add(shortened(dot.name), x: left + 128, y: line, "small start", "")
      line += 19
    }
    if roofline.dots.count > Self.listed {
      add("… and \(roofline.dots.count - Self.listed) more", x: left + 128, y: line, "small start")
      line += 19
    }
    line += 8
    for (style, words) in [("compute", "limited by arithmetic"), ("memory", "limited by memory")] {
      text += "<circle class=\"\(style)\" cx=\"\(n(left + 2))\" cy=\"\(n(line - 4))\" r=\"5\"/>\n"
      add(words, x: left + 12, y: line, "small start")
      line += 17
    }
    if roofline.dots.contains(where: { $0.flops <= 0 }) {
      add("at the left edge: what moves data only", x: left + 12, y: line, "small start")
    }
  }

  private func shortened(_ name: String) -> String {
    var (result, width) = ("", 0)
    for character in name {
      width += character.displayWidth
      if width > 37 { return result + "…" }
      result.append(character)
    }
    return result
  }

  private func percent(_ part: Double) -> String {
    let value = part * 100
    guard value.isFinite, value < 1e9 else { return "–" }
    return "\(value < 10 ? String((value * 10).rounded() / 10) : String(Int(value.rounded()))) %"
  }

  private func rateText(_ value: Double) -> String { significant(value) }
}
