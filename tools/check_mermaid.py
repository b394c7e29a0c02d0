# SPDX-License-Identifier: Apache-2.0
"""Runs flowcharts through Mermaid in one start of a headless browser; called by check-mermaid."""

import base64
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

PAGE = """<!doctype html><meta charset="utf-8"><body><script src="{script}"></script><script>
const cases = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob("{data}"), c => c.charCodeAt(0))));
(async () => {{
  mermaid.initialize({{ startOnLoad: false, maxTextSize: 1e9, maxEdges: 1e6 }});
  const results = [];
  for (const [index, {{ text, draw }}] of cases.entries()) {{
    try {{
      const {{ diagramType }} = await mermaid.parse(text);
      if (!diagramType.startsWith("flowchart")) throw new Error("it is no flowchart but " + diagramType);
      if (draw) await mermaid.render("drawing" + index, text);
      results.push("");
    }} catch (error) {{ results.push(String(error.message || error) || "error"); }}
  }}
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = JSON.stringify(results);
  document.body.replaceChildren(answer);
}})();
</script>"""


def load_cases(kind):
    """The flowcharts of accept.txt or reject.txt, with their names."""
    text = pathlib.Path(f"Tests/GraphLanguageTests/Mermaid/{kind}.txt").read_text("utf-8")
    for part in text.removesuffix("\n").split("\n=== ")[1:]:
        name, _, body = part.partition("\n")
        yield name, re.sub("⟨([0-9A-F]+)⟩", lambda match: chr(int(match[1], 16)), body)


def ask_mermaid(browser, script, cases):
    """An error message for each case, empty where Mermaid accepts it."""
    with tempfile.TemporaryDirectory() as folder:
        data = base64.b64encode(json.dumps(cases).encode()).decode()
        page = pathlib.Path(folder, "page.html")
        page.write_text(PAGE.format(script=pathlib.Path(script).resolve().as_uri(), data=data), "utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            "--virtual-time-budget=1000000000", f"--user-data-dir={folder}/profile", page.as_uri(),
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    answer = re.search(r'<pre id="answer">(.*?)</pre>', run.stdout, re.DOTALL)
    if not answer:
        sys.exit(f"check-mermaid: {browser} gave no answer\n{run.stderr[-2000:]}")
    return json.loads(html.unescape(answer[1]))


def main():
    browser, script, *files = sys.argv[1:]
    started = time.monotonic()
    cases, expected = [], []
    if not files:
        for kind in ("accept", "reject"):
            for name, text in load_cases(kind):
                cases.append({"text": text, "draw": False})
                expected.append((name, kind == "accept"))
        files = sorted(str(path) for path in pathlib.Path("graphs").rglob("*.graph"))
    for path in files:
        cases.append({"text": pathlib.Path(path).read_text("utf-8"), "draw": True})
        expected.append((path, True))
    failures = 0
    for (name, accepted), case, error in zip(expected, cases, ask_mermaid(browser, script, cases), strict=True):
        if (error == "") != accepted:
            failures += 1
            print(f"{name}: Mermaid {'rejects' if error else 'accepts'} it\n  {case['text'][:300]!r}\n  {error[:300]}")
    taken = time.monotonic() - started
    print(f"check-mermaid: {len(cases)} flowcharts, {len(files)} of them drawn, {failures} differ ({taken:.1f} s)")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
