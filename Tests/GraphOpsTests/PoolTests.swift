// SPDX-License-Identifier: Apache-2.0
// Pooling worked by hand.

import GraphIR
import GraphOps
import TensorCore
import Testing

/// 1, 2, 3 … in rows of one channel.
private func counting(_ size: Int) -> Reference {
  Reference(.f32, [1, 1, size, size], reals: (1...size * size).map(Double.init))
}

@Suite struct PoolTests {
  @Test func largestElements() throws {
    var pool = MaxPool()
    pool.kernelShape = [2, 2]
    pool.strides = [2, 2]
    #expect(try pool.evaluate([counting(5)])[0].reals == [7, 9, 17, 19])
    pool.strides = []
    pool.dilations = [2, 2]
    #expect(try pool.evaluate([counting(4)])[0].reals == [11, 12, 15, 16])
    pool.dilations = []
    pool.kernelShape = [3, 3]
    pool.strides = [2, 2]
    pool.ceilMode = true
    #expect(try pool.evaluate([counting(4)])[0].reals == [11, 12, 15, 16])
    pool.ceilMode = false
    pool.autoPad = "SAME_UPPER"
    #expect(try pool.evaluate([counting(5)])[0].reals == [7, 9, 10, 17, 19, 20, 22, 24, 25])
  }

  @Test func placesOfLargestElements() throws {
    var pool = MaxPool()
    pool.indices = true
    pool.kernelShape = [5, 5]
    pool.pads = [2, 2, 2, 2]
    let padded = try pool.evaluate([counting(5)])
    #expect(padded[0].reals.prefix(10) == [13, 14, 15, 15, 15, 18, 19, 20, 20, 20])
    #expect(padded[1].integers.prefix(10) == [12, 13, 14, 14, 14, 17, 18, 19, 19, 19])
    pool.kernelShape = [2, 2]
    pool.pads = []
    pool.strides = [2, 2]
    pool.storageOrder = 1
    #expect(try pool.evaluate([counting(5)])[1].integers == [6, 16, 8, 18])
  }

  /// A window that starts beyond the input and its padding before it does not count.
  @Test func ceilModeDropsWindowsThatStartOutside() throws {
    var pool = MaxPool()
    pool.kernelShape = [1]
    pool.strides = [2]
    pool.ceilMode = true
    let type = TensorType(.f32, [1, 1, 2])
    #expect(try pool.inferTypes([type])[0].shape == [1, 1, 1])
  }

  @Test func means() throws {
    var pool = AveragePool()
    pool.kernelShape = [5, 5]
    pool.pads = [2, 2, 2, 2]
    #expect(
      try pool.evaluate([counting(5)])[0].reals == [
        7, 7.5, 8, 8.5, 9, 9.5, 10, 10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14, 14.5, 15, 15.5, 16, 16.5, 17, 17.5, 18,
        18.5, 19,
      ])
    pool.countIncludePad = true
    let corner = try pool.evaluate([counting(5)])[0].reals[0]
    #expect(abs(corner - 63.0 / 25) < 1e-12)
    pool = AveragePool()
    pool.kernelShape = [3, 3]
    pool.strides = [2, 2]
    pool.ceilMode = true
    #expect(try pool.evaluate([counting(4)])[0].reals == [6, 7.5, 12, 13.5])
  }

  @Test func norms() throws {
    var pool = LpPool()
    pool.kernelShape = [2]
    let x = Reference(.f32, [1, 1, 3], reals: [3, -4, 0])
    #expect(try pool.evaluate([x])[0].reals == [5, 4])
    pool.p = 1
    #expect(try pool.evaluate([x])[0].reals == [7, 4])
  }

  @Test func channelsLastPoolsTheSameImage() throws {
    var pool = MaxPool()
    pool.kernelShape = [2]
    pool.dataFormat = "channels_last"
    let x = Reference(.i8, [1, 3, 2], integers: [1, -9, 5, -8, 2, -7])
    #expect(try pool.evaluate([x])[0].integers == [5, -8, 5, -7])
  }
}
