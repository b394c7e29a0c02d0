// SPDX-License-Identifier: Apache-2.0
// Colours, fonts and arrow tips of our pictures.

import GraphLanguage

enum SVGStyle {
  static let sheet = """
    <style>
    svg { --paper: #ffffff; --ink: #1f2328; --line: #57606a; --box: #f0f4ff; --rim: #6a7fd0; --group: #f6f8fa;
      --frame: #d0d7de; --quiet: #6e7781; --code: #0b3d91 }
    @media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --line: #8b949e; --box: #1b2440;
      --rim: #6a7fd0; --group: #161b22; --frame: #30363d; --quiet: #8b949e; --code: #a5c4ff } }
    text { font: 14px ui-sans-serif, system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; fill: var(--ink);
      text-anchor: middle }
    .title { font-size: 17px; font-weight: 600 }
    .strong { font-weight: 600 }
    .code { font: 13px ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; fill: var(--code) }
    .quiet { font-size: 12px; fill: var(--quiet) }
    .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round }
    .paper { fill: var(--paper) }
    .group { fill: var(--group); stroke: var(--frame) }
    .box { fill: var(--box); stroke: var(--rim); stroke-width: 1.3 }
    .bare { fill: none; stroke: var(--rim); stroke-width: 1.3 }
    .solid { fill: var(--ink); stroke: none }
    .arrow { fill: none; stroke: var(--line); stroke-width: 1.4 }
    .thick { stroke-width: 3 }
    .dotted { stroke-dasharray: 3 4 }
    .tip { fill: var(--line); stroke: none }
    .open { fill: none; stroke: var(--line); stroke-width: 1.5 }
    </style>

    """

  /// The tips are drawn in pixels, whatever the line's width, around the end of the shortened line.
  static let markers = """
    <defs>
    <marker id="arrow" markerUnits="userSpaceOnUse" markerWidth="12" markerHeight="12" refX="5" refY="6" \
    orient="auto-start-reverse"><path class="tip" d="M0,1L10,6L0,11L2,6Z"/></marker>
    <marker id="circle" markerUnits="userSpaceOnUse" markerWidth="12" markerHeight="12" refX="6" refY="6" \
    orient="auto-start-reverse"><circle class="tip" cx="6" cy="6" r="5"/></marker>
    <marker id="cross" markerUnits="userSpaceOnUse" markerWidth="12" markerHeight="12" refX="6" refY="6" \
    orient="auto-start-reverse"><path class="open" d="M1,1L11,11M11,1L1,11"/></marker>
    </defs>

    """

  /// The marker of an arrow's end.
  static func marker(_ tip: Edge.Tip) -> String? {
    switch tip {
    case .none: nil
    case .arrow: "arrow"
    case .circle: "circle"
    case .cross: "cross"
    }
  }
}
