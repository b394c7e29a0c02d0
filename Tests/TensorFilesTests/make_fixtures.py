#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Fixtures/*.npy and *.npz with NumPy, as the readers' tests expect them. Run by hand."""
import io, os, zipfile
import numpy as np

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Fixtures")
os.makedirs(folder, exist_ok=True)


def path(name):
    return os.path.join(folder, name)


# Every element type, both byte orders; values 0 ... 5 in [2, 3].
for code in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split():
    for order, name in (("<", "little"), (">", "big")):
        if code[1] == "1" and order == ">":
            continue
        np.save(path(f"{code}_{name}.npy"), np.arange(6).astype(order + code).reshape(2, 3))
np.save(path("b1.npy"), np.array([[True, False, True], [False, False, True]]))
bits = (np.arange(6).astype("<f4").view("<u4") >> 16).astype("<u2").reshape(2, 3)
np.save(path("bf16_bits.npy"), bits)
np.save(path("bf16_void.npy"), bits.view("V2"))

# Orders, ranks, versions.
cube = np.arange(24).astype("<i2").reshape(2, 3, 4)
np.save(path("fortran.npy"), np.asfortranarray(cube))
np.save(path("fortran_big.npy"), np.asfortranarray(cube.astype(">i2")))
np.save(path("scalar.npy"), np.array(2.5, "<f4"))
np.save(path("empty.npy"), np.zeros((0, 3), "<f4"))
for version in (2, 3):
    with open(path(f"version{version}.npy"), "wb") as file:
        np.lib.format.write_array(file, np.arange(3, dtype="<f4"), version=(version, 0))
np.save(path("object.npy"), np.array([{}, None], object), allow_pickle=True)
np.save(path("text.npy"), np.array(["a", "b"]))
np.save(path("complex.npy"), np.array([1j], "<c8"))

# Archives.
arrays = {"weights/κλειδί:0": np.arange(6, dtype="<f4").reshape(2, 3), "transposed": np.asfortranarray(cube),
          "flags": np.array([True, False]), "big": np.arange(3, dtype=">i4"), "scalar": np.array(7)}
np.savez(path("stored.npz"), **arrays)
np.savez_compressed(path("deflated.npz"), **arrays, long=np.arange(4096, dtype="<i4") // 64)
np.savez(path("mixed.npz"), x=np.arange(3, dtype="<f4"), names=np.array(["a", "b"]))


class Unseekable(io.RawIOBase):
    """A stream that cannot go back, so that sizes follow each member as data descriptors."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


def image(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


with open(path("descriptors.npz"), "wb") as file, zipfile.ZipFile(Unseekable(file), "w", zipfile.ZIP_DEFLATED) as out:
    with out.open("x.npy", "w") as member:
        member.write(image(np.arange(6, dtype="<f4")))
with zipfile.ZipFile(path("zip64.npz"), "w") as out:
    with out.open("x.npy", "w", force_zip64=True) as member:
        member.write(image(np.arange(6, dtype="<f4")))
