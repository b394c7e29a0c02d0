// SPDX-License-Identifier: Apache-2.0
// The program that runs other runtimes, as part of this one.

/// `peers.py`: what it is called with, and what it answers, stands at its head.
package let peerProgram = String(decoding: PackageResources.peers_py, as: UTF8.self)
