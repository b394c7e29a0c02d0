// SPDX-License-Identifier: Apache-2.0
// Convolutions worked by hand: padding, strides, dilations, groups, layouts, and what does not fit.

import GraphIR
import GraphOps
import TensorCore
import Testing

/// An image of one channel with these rows.
private func image(_ rows: [[Double]]) -> Reference {
  Reference(.f32, [1, 1, rows.count, rows[0].count], reals: rows.flatMap { $0 })
}

private func counting(_ height: Int, _ width: Int) -> Reference {
  Reference(.f32, [1, 1, height, width], reals: (0..<height * width).map(Double.init))
}

private func ones(_ shape: [Int]) -> Reference {
  Reference(.f32, shape, reals: [Double](repeating: 1, count: shape.reduce(1, *)))
}

@Suite struct ConvTests {
  @Test func paddingAddsZeros() throws {
    var conv = Conv()
    conv.pads = [1, 1, 1, 1]
    let y = try conv.evaluate([counting(5, 5), ones([1, 1, 3, 3])])[0]
    #expect(y.shape == [1, 1, 5, 5])
    #expect(
      y.reals == [
        12, 21, 27, 33, 24, 33, 54, 63, 72, 51, 63, 99, 108, 117, 81, 93, 144, 153, 162, 111, 72, 111, 117, 123, 84,
      ])
    #expect(
      try Conv().evaluate([counting(5, 5), ones([1, 1, 3, 3])])[0].reals
        == [54, 63, 72, 99, 108, 117, 144, 153, 162])
  }

  @Test func stridesSkipWindows() throws {
    var conv = Conv()
    conv.strides = [2, 2]
    conv.pads = [1, 0, 1, 0]
    let y = try conv.evaluate([counting(7, 5), ones([1, 1, 3, 3])])[0]
    #expect(y.shape == [1, 1, 4, 2])
    #expect(y.reals == [21, 33, 99, 117, 189, 207, 171, 183])
    conv.pads = []
    conv.autoPad = "SAME_LOWER"
    #expect(
      try conv.evaluate([counting(5, 5), ones([1, 1, 3, 3])])[0].reals == [12, 27, 24, 63, 108, 81, 72, 117, 84])
  }

  /// SAME puts the odd element of padding at the end or at the start.
  @Test func samePaddingOfEvenWindows() throws {
    var conv = Conv()
    conv.autoPad = "SAME_UPPER"
    let x = Reference(.f32, [1, 1, 3], reals: [1, 2, 4])
    let w = Reference(.f32, [1, 1, 2], reals: [1, 10])
    #expect(try conv.evaluate([x, w])[0].reals == [21, 42, 4])
    conv.autoPad = "SAME_LOWER"
    #expect(try conv.evaluate([x, w])[0].reals == [10, 21, 42])
  }

  @Test func groupsSeeTheirOwnChannels() throws {
    var conv = Conv()
    conv.group = 2
    let x = Reference(.f32, [1, 2, 2], reals: [1, 2, 3, 4])
    let w = Reference(.f32, [4, 1, 1], reals: [1, 10, 100, 1000])
    let bias = Reference(.f32, [4], reals: [0.5, 0, 0, 0])
    #expect(try conv.evaluate([x, w, bias])[0].reals == [1.5, 2.5, 10, 20, 300, 400, 3000, 4000])
    conv.dataFormat = "channels_last"
    let last = try conv.evaluate([
      Reference(.f32, [1, 2, 2], reals: [1, 3, 2, 4]), Reference(.f32, [1, 1, 4], reals: [1, 10, 100, 1000]), bias,
    ])[0]
    #expect(last.reals == [1.5, 10, 300, 3000, 2.5, 20, 400, 4000])
  }

  @Test func transposedWindowsOverlap() throws {
    let y = try ConvTranspose().evaluate([counting(3, 3), ones([1, 2, 3, 3])])[0]
    let plane: [Double] = [
      0, 1, 3, 3, 2, 3, 8, 15, 12, 7, 9, 21, 36, 27, 15, 9, 20, 33, 24, 13, 6, 13, 21, 15, 8,
    ]
    #expect(y.shape == [1, 2, 5, 5])
    #expect(y.reals == plane + plane)

    var dilated = ConvTranspose()
    dilated.dilations = [2, 2]
    let x = image([[3, 8, 1], [9, 5, 7], [3, 2, 6]])
    #expect(
      try dilated.evaluate([x, image([[7, 2], [1, 9]])])[0].reals == [
        21, 56, 13, 16, 2, 63, 35, 67, 10, 14, 24, 22, 76, 76, 21, 9, 5, 88, 45, 63, 3, 2, 33, 18, 54,
      ])

    var same = ConvTranspose()
    same.autoPad = "SAME_UPPER"
    same.strides = [2, 2]
    let wide = try same.evaluate([counting(3, 3), ones([1, 1, 3, 3])])[0]
    #expect(wide.shape == [1, 1, 6, 6])
    #expect(
      wide.reals == [
        0, 0, 1, 1, 3, 2, 0, 0, 1, 1, 3, 2, 3, 3, 8, 5, 12, 7, 3, 3, 7, 4, 9, 5, 9, 9, 20, 11, 24, 13, 6, 6, 13, 7, 15,
        8,
      ])
  }

  @Test func namedSizesStayNames() throws {
    let (n, h) = (Dim(symbol: "N"), Dim(symbol: "H"))
    var conv = Conv()
    conv.dataFormat = "channels_last"
    conv.autoPad = "SAME_UPPER"
    conv.strides = [2, 2]
    let w = TensorType(.f32, [3, 3, 3, 8])
    let y = try conv.inferTypes([TensorType(.f32, [n, h, 32, 3]), w])[0]
    #expect(y.description == "f32[N, ((H + 1) // 2), 16, 8]")
    #expect(y.substituting(["N": 1, "H": 7]).staticShape == [1, 4, 16, 8])
  }

  @Test func whatDoesNotFitIsSaid() {
    func message(_ conv: Conv, _ x: [Dim], _ w: [Dim]) -> String? {
      do throws(TypeError) {
        _ = try conv.inferTypes([TensorType(.f32, x), TensorType(.f32, w)])
        return nil
      } catch { return error.message }
    }
    #expect(
      message(Conv(), [1, 3, 8, 8], [4, 2, 3, 3])
        == "'Conv' has 3 input channels in 1 group, its weights f32[4, 2, 3, 3] have 2 for each group")
    #expect(
      message(Conv(), [1, 1, 2, 8], [4, 1, 3, 3])
        == "the window of 'Conv' reaches over 3 elements, spatial axis 0 has 2 (2 padded)")
    #expect(message(Conv(), [1, 8], [4, 1]) == "'Conv' takes 1 to 3 spatial axes (rank 3 to 5), found f32[1, 8]")
    var conv = Conv()
    conv.strides = [0, 1]
    #expect(message(conv, [1, 1, 8, 8], [1, 1, 3, 3]) == "'strides' of 'Conv' is [0, 1], expected numbers above 0")
    conv.strides = []
    conv.dilations = [Int.max, 1]
    #expect(message(conv, [1, 1, 8, 8], [1, 1, 3, 3]) == "the sizes of 'Conv' are out of range")
    conv.dilations = []
    conv.dataFormat = "NHWC"
    #expect(message(conv, [1, 1, 8, 8], [1, 1, 3, 3]) == "'data_format' of 'Conv' is 'NHWC'")
  }
}
