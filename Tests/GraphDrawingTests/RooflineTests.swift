// SPDX-License-Identifier: Apache-2.0
// Roofline pictures: every kernel is a dot inside the axes, whatever its numbers are.

import Foundation
import GraphDrawing
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct RooflineTests {
  private static let flat = [Roofline.Roof("multiply-adds", 100)]
  private static let memories = [Roofline.Roof("L1", 400), Roofline.Roof("DRAM", 20)]

  private func picture(_ dots: [Roofline.Dot], memories: [Roofline.Roof] = memories) throws -> (text: String, circles: [[String: String]]) {
    let text = Roofline(title: "a <b> & \"c\" 网络", subtitle: "", arithmetic: Self.flat, memories: memories, dots: dots).svg()
    let reader = Circles()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = reader
    try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
    return (text, reader.found)
  }

  private final class Circles: NSObject, XMLParserDelegate {
    var found: [[String: String]] = []
    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      if name == "circle" { found.append(attributes) }
    }
  }

  private func dot(_ name: String, _ flops: Double, _ bytes: Double, _ nanoseconds: Double) -> Roofline.Dot {
    Roofline.Dot(
      name, flops: flops, bytes: bytes, nanoseconds: nanoseconds, limitNanoseconds: nanoseconds / 2,
      isBoundByMemory: bytes > flops)
  }

  /// A kernel at half the peak and far right is drawn below the flat roof and right of one with less arithmetic.
  @Test func placesFollowTheNumbers() throws {
    let (text, circles) = try picture([dot("dense", 5e6, 1e4, 1e5), dot("chain", 1e4, 8e4, 1e4)])
    func numbers(_ key: String) -> [Double] { circles.prefix(2).compactMap { $0[key].flatMap { Double($0) } } }
    let (x, y, radii) = (numbers("cx"), numbers("cy"), numbers("r"))
    try #require(x.count == 2 && y.count == 2 && radii.count == 2)
    #expect(x[0] > x[1] && y[0] < y[1] && radii[0] > radii[1])
    #expect(text.contains("dense") && text.contains("50 GFLOP/s") && text.contains("91 % of the time"))
    #expect(text.contains("a &lt;b&gt; &amp; &quot;c&quot; 网络"))
    #expect(text.contains("DRAM 20 GB/s") && text.contains("multiply-adds 100 GFLOP/s"))
  }

  @Test func anyNumbersStayInside() throws {
    let dots = [
      dot("moves", 0, 1e6, 1e5), dot("computes", 1e6, 0, 1e5), dot("tiny", 1, 1e9, 1e12), dot("huge", 1e18, 1, 1),
      dot("nothing", 0, 0, 5), dot("no time", 1, 1, 0), dot("\u{1}control", 10, 10, 10),
    ]
    for memories in [Self.memories, []] {
      let (text, circles) = try picture(dots, memories: memories)
      // Five can be drawn; each has a dot and a line in the list, and two explain the colours.
      #expect(circles.count == 5 * 2 + 2)
      for circle in circles {
        let (x, y) = (Double(circle["cx"] ?? "") ?? .nan, Double(circle["cy"] ?? "") ?? .nan)
        #expect((0...1180).contains(x) && (0...660).contains(y), "\(circle)")
      }
      #expect(!text.contains("nan") && !text.contains("inf"))
    }
    #expect(try picture([]).circles.count == 2)
  }

  /// The list ends somewhere, the dots do not.
  @Test func manyKernelsAreReadable() throws {
    let dots = (0..<200).map { (index: Int) -> Roofline.Dot in
      let (flops, time) = (Double(index + 1) * 1e4, Double(1000 + 7 * index))
      return dot("kernel \(index)", flops, 1e4, time)
    }
    let (text, circles) = try picture(dots)
    #expect(circles.count == 200 + 24 + 2)
    #expect(text.contains("… and 176 more"))
  }
}
