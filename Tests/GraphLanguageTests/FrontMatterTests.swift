// SPDX-License-Identifier: Apache-2.0
// The settings above the diagram, and their errors.

import GraphLanguage
import GraphSupport
import Testing

@Suite struct FrontMatterTests {
  @Test func everyKey() throws {
    let matter = try read(
      """
      ---
      title: "Digits: 8x8"
      weights: {file: a.safetensors, map: {hidden/kernel: w1}}
      dims: {N: {range: 1..64, fast: [8, 1, 8]}, T: 512, M: {range: 1.., fast: 32}}
      seed: 42
      precision: bf16
      winograd: 4
      include: [a.graph, b.graph]
      ops:
        a: |
          Dense(3)
          Flatten
      config:
        theme: dark
      ---
      graph TD
      a
      """
    ).frontMatter
    #expect(matter.title?.value == "Digits: 8x8")
    #expect(matter.weights?.file.value == "a.safetensors")
    #expect(matter.weights?.map.first?.tensor.value == "w1")
    #expect(matter.dims.map(\.name.value) == ["N", "T", "M"])
    #expect(matter.dims.map(\.lower) == [1, 512, 1])
    #expect(matter.dims.map(\.upper) == [64, 512, nil])
    #expect(matter.dims.map(\.fast) == [[1, 8], [], [32]])
    #expect(matter.seed?.value == 42)
    #expect(matter.precision?.value == "bf16")
    #expect(matter.winograd?.value == "4")
    #expect(matter.includes.map(\.value) == ["a.graph", "b.graph"])
    #expect(matter.operations.first?.operations.count == 2)
  }

  @Test(
    arguments: [
      ("titel: x", "2:1", "unknown key 'titel' in the front matter", "title"),
      ("dims: {N: 5..1}", "2:11", "the range of 'N' ends before it begins", nil),
      ("dims: {N: x}", "2:11", "found 'x' for the dim 'N', expected a size or a range such as 1..64", nil),
      ("dims: {N: {fats: 1}}", "2:12", "unknown key 'fats' in the dim 'N'", "fast"),
      ("dims: {N: {range: 1..4, fast: 9}}", "2:31", "'fast' is outside of the range of 'N'", nil),
      ("dims: {N: {range: 1..4, fast: [2, 9]}}", "2:35", "'fast' is outside of the range of 'N'", nil),
      ("dims: {N: {range: 1..4, fast: [2, x]}}", "2:35", "'fast' must be a whole number", nil),
      ("seed: many", "2:7", "'seed' must be a whole number", nil),
      ("weights: {fil: x}", "2:11", "unknown key 'fil' in 'weights'", "file"),
      ("stages: {ab: Fit}", "2:10", "there is no box 'ab' in the diagram", "abc"),
      ("stages:\n  abc: Fit(", "3:11", "the bracket is not closed, expected a value", nil),
      (
        "stages:\n  abc: {x: y}", "3:8",
        "'abc' must be bound to an operation such as 'Dense(10)', or to a list of them", nil
      ),
      ("a: &x 1", "2:4", "anchors ('&name') are not read", nil),
      ("title: [x", "2:10", "not valid YAML: did not find expected ',' or ']'", nil),
    ] as [(String, String, String, String?)])
  func errors(_ text: String, _ place: String, _ message: String, _ fixIt: String?) throws {
    let (_, diagnostics) = parseGraph("---\n\(text)\n---\ngraph TD\nabc", path: "t.graph")
    let messages = diagnostics.map(\.message)
    let error = try #require(diagnostics.first { $0.message == message }, "\(messages)")
    #expect(error.location?.description == "t.graph:\(place)")
    #expect(error.fixIt == fixIt)
  }

  @Test func deepYAMLIsRefused() {
    for text in [String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000)] {
      let (_, diagnostics) = parseGraph("---\nconfig: \n \(text)\n---\ngraph TD\nA")
      #expect(diagnostics.contains { $0.message == "YAML nested more than 64 levels deep" })
    }
  }
}
