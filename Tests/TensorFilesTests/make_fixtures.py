#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Fixtures/*.npy and *.npz with NumPy, and *.png, as the readers' tests expect them. Run by hand."""
import io, os, struct, zipfile, zlib
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


# Images: PNG by hand (filters 0 to 4 in turn), because NumPy writes none. The decoded pixels follow from a formula.

def pixel_values(height, width, channels, depth):
    """Sample (y, x, c) is (7y + 3x + 5c) modulo the depth's range."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return (7 * y + 3 * x + 5 * c) * (257 if depth == 16 else 1) % (1 << depth)


def packed_rows(samples, depth):
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    if depth == 8:
        return [row.astype("u1").tobytes() for row in flat]
    bits = ((flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(height, -1)
    return [np.packbits(row.astype("u1")).tobytes() for row in bits]


def filtered(rows, distance):
    out, above = b"", None
    for index, row in enumerate(rows):
        kind = index % 5
        up = above or bytes(len(row))
        line = bytearray()
        for i, value in enumerate(row):
            a = row[i - distance] if i >= distance else 0
            c = up[i - distance] if i >= distance else 0
            p = a + up[i] - c
            paeth = min((abs(p - a), 0, a), (abs(p - up[i]), 1, up[i]), (abs(p - c), 2, c))[2]
            line.append((value - [0, a, up[i], (a + up[i]) // 2, paeth][kind]) & 255)
        out += bytes([kind]) + bytes(line)
        above = row
    return out


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(name, height, width, colour, depth, interlaced=False, extra=b"", pieces=1):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    samples = pixel_values(height, width, channels, depth)
    if colour == 3:
        samples = samples % 4
    distance = max(1, channels * depth // 8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            data += filtered(packed_rows(part, depth), distance)
    data = zlib.compress(data, 9)
    size = -(-len(data) // pieces)
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))) + extra
    for start in range(0, len(data), size):
        body += chunk(b"IDAT", data[start:start + size])
    with open(path(name + ".png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + body + chunk(b"tEXt", b"Comment\0test") + chunk(b"IEND", b""))


for depth in (1, 2, 4, 8, 16):
    png(f"grey{depth}", 7, 11, 0, depth)
    png(f"grey{depth}_interlaced", 7, 11, 0, depth, interlaced=True)
for depth in (8, 16):
    png(f"rgb{depth}", 7, 11, 2, depth, pieces=3)
    png(f"grey_alpha{depth}", 7, 11, 4, depth)
    png(f"rgba{depth}_interlaced", 7, 11, 6, depth, interlaced=True)
colours = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]))
for depth in (2, 8):
    png(f"palette{depth}", 7, 11, 3, depth, extra=colours)
png("palette_alpha", 7, 11, 3, 4, extra=colours + chunk(b"tRNS", bytes([0, 128])))
png("grey_key", 7, 11, 0, 8, extra=chunk(b"tRNS", struct.pack(">H", 3)))
png("one_pixel", 1, 1, 0, 8, interlaced=True)
