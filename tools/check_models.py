# SPDX-License-Identifier: Apache-2.0
"""Runs models in three ways and compares them with reference answers; called by check-models."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy

WAYS = ("interpreter", "jit", "executable")
# A process for each step is slow where each compiles or interprets anew.
STEPS = {"interpreter": 3, "jit": 3, "executable": None}


class Failed(Exception):
    """A program that ended with an error."""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"[:600])


def archive_key(name):
    return name.replace(":", "__c__").replace("/", "__s__")


class Case:
    """One model in one way, in a folder for its files."""

    def __init__(self, lamina, model, way, constants, folder):
        self.folder = folder
        if way == "executable":
            program = f"{folder}/program"
            run([lamina, "build", model, "-o", program, *constants])
            self.command = [program]
        else:
            self.command = [lamina, "run", model, "--backend", way, *constants]

    def outputs(self, inputs, names):
        command = list(self.command)
        for number, (name, value) in enumerate(inputs.items()):
            numpy.save(f"{self.folder}/in{number}.npy", value)
            command += ["--input", f"{name}={self.folder}/in{number}.npy"]
        for number, name in enumerate(names):
            command += ["--output", f"{name}={self.folder}/out{number}.npy"]
        run(command)
        return {name: numpy.load(f"{self.folder}/out{number}.npy") for number, name in enumerate(names)}


def excess(found, expected):
    """The largest |difference| over what is allowed; more than 1 is a difference."""
    if found.shape != expected.shape:
        return float("inf")
    if found.size == 0:
        return 0.0
    ratio = numpy.abs(found - expected) / (1e-4 + 1e-3 * numpy.abs(expected))
    return float("inf") if numpy.isnan(ratio).any() else float(ratio.max())


def check(lamina, model, way, record, given, expected, folder):
    """The largest excess over all outputs."""
    names = list(record["outputs"])
    inputs = {name: given[archive_key(name)] for name in record["inputs"]}
    if "steps" not in record:
        found = Case(lamina, model, way, [], folder).outputs(inputs, names)
        return max(excess(found[name], expected[archive_key(name)]) for name in names)
    # A recurrent model: one input a step, scalars are constants, and what an output 'xN' gives is the next 'x'.
    constants = [text for name, value in inputs.items() if value.ndim == 0 for text in ("--constant", f"{name}={value}")]
    case = Case(lamina, model, way, constants, folder)
    states = {name: inputs[name] for name in inputs if f"{name}N" in names}
    worst = 0.0
    for step in range(min(record["steps"], STEPS[way] or record["steps"])):
        now = {name: value[step] for name, value in inputs.items() if name not in states and value.ndim > 0}
        found = case.outputs({**now, **states}, names)
        worst = max(worst, max(excess(found[name], expected[archive_key(name)][step]) for name in names))
        states = {name: found[f"{name}N"] for name in states}
    return worst


def main():
    lamina, models, references, *chosen = sys.argv[1:]
    index = json.loads(pathlib.Path(references, "index.json").read_text("utf-8"))
    unknown = [name for name in chosen if name not in index]
    if unknown:
        sys.exit(f"check-models: no reference for {', '.join(unknown)}; there are {', '.join(index)}")
    failures = 0
    print(f"{'model':22}" + "".join(f"{way:>24}" for way in WAYS) + "   (largest share of the tolerance, seconds)")
    for name in chosen or index:
        model = f"{models}/{index[name]['model']}"
        if not pathlib.Path(model).is_file():
            print(f"{name:22}{'not fetched':>24}")
            continue
        given = numpy.load(f"{references}/{name}.in.npz")
        expected = numpy.load(f"{references}/{name}.out.npz")
        line, notes = f"{name:22}", []
        for way in WAYS:
            start = time.monotonic()
            try:
                with tempfile.TemporaryDirectory() as folder:
                    share = check(lamina, model, way, index[name], given, expected, folder)
                result = "passes" if share <= 1 else "DIFFERS"
                text = f"{result} {share:.3f} {time.monotonic() - start:5.1f} s"
            except Failed as failure:
                result, text = "FAILS", "FAILS"
                notes.append(f"    {way}: {failure}")
            failures += result != "passes"
            line += f"{text:>24}"
        print("\n".join([line, *notes]), flush=True)
    sys.exit(3 if failures else 0)


main()
