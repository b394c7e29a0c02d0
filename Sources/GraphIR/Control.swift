// SPDX-License-Identifier: Apache-2.0
// How operators with regions run: as nested steps of the plan.

import TensorCore

/// What the plan does with an operator's regions.
package enum Control: Sendable {
  /// Operand 0 chooses between two regions, whose inputs are the other operands and whose outputs are the results.
  case branch(then: Graph, else: Graph)
  case loop(LoopControl)
  /// Operand 0, an i64 scalar, is the run-time size; the result is the same scalar.
  case size(Dim)
}

/// A region that runs again and again.
package struct LoopControl: Sendable {
  /// What an input of the region stands for.
  package enum Input: Sendable, Hashable {
    /// The number of iterations before this one, i64.
    case counter
    /// The condition that let this iteration start.
    case condition
    /// The value of a state, by number: what the iteration before left, or the operand at first.
    case state(Int, initial: Int)
    /// The iteration's slice of an operand's first axis.
    case slice(operand: Int, isReversed: Bool)
    /// A whole operand.
    case whole(operand: Int)
  }

  /// What an output of the region is for.
  package enum Output: Sendable, Hashable {
    /// Whether there is another iteration; one element, bool.
    case condition
    /// The next value of a state. After the last iteration it is a result, when it has one.
    case state(Int, result: Int?)
    /// The iteration's slice of a result's first axis.
    case slice(result: Int, isReversed: Bool)
    /// Looked at by nobody.
    case unused
  }

  package enum Trips: Sendable, Hashable {
    /// So many iterations.
    case exactly(Dim)
    /// Until the condition fails or there have been as many iterations as an operand says; `size` is the run-time size
    /// that the number of iterations sets.
    case until(limit: Int?, condition: Int?, size: Dim?)
  }

  package var body: Graph
  package var inputs: [Input]
  package var outputs: [Output]
  package var trips: Trips

  package init(body: Graph, inputs: [Input], outputs: [Output], trips: Trips) {
    self.body = body
    self.inputs = inputs
    self.outputs = outputs
    self.trips = trips
  }
}
