// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known name that is closest to a misspelt one.

/// The candidate with the smallest edit distance to a name, when it is near enough to be what was meant: at most a
/// third of the name's characters differ, or only its case. Case counts for less than letters. Ties go to the earlier
/// candidate.
package func nearest(_ name: String, among candidates: some Sequence<String>) -> String? {
  let wanted = Array(name.prefix(64))
  guard !wanted.isEmpty else { return nil }
  let folded = wanted.map { $0.lowercased() }
  var best: (name: String, distance: Int)?
  for candidate in candidates where candidate != name {
    let letters = Array(candidate.prefix(64))
    // Two points a letter, one for its case alone.
    let limit = min(best.map { $0.distance - 1 } ?? .max, max(2, 2 * max(letters.count, wanted.count) / 3))
    if 2 * abs(letters.count - wanted.count) > limit { continue }
    let foldedLetters = letters.map { $0.lowercased() }
    let distance = foldedLetters == folded ? 1 : editDistance(wanted, folded, letters, foldedLetters)
    if distance <= limit { best = (candidate, distance) }
  }
  return best?.name
}

/// The optimal string alignment distance: insertions, deletions, replacements and swapped neighbours cost 2, a change
/// of case 1.
private func editDistance(_ a: [Character], _ foldedA: [String], _ b: [Character], _ foldedB: [String]) -> Int {
  var before: [Int] = []
  var previous = Array(stride(from: 0, through: 2 * b.count, by: 2))
  for i in a.indices {
    var row = [2 * (i + 1)]
    row.reserveCapacity(b.count + 1)
    for j in b.indices {
      let change = a[i] == b[j] ? 0 : foldedA[i] == foldedB[j] ? 1 : 2
      var cost = min(previous[j] + change, previous[j + 1] + 2, row[j] + 2)
      if i > 0, j > 0, foldedA[i] == foldedB[j - 1], foldedA[i - 1] == foldedB[j] {
        cost = min(cost, before[j - 1] + 2)
      }
      row.append(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.count]
}
