"""NumPy's seeded generator inside compiled code, draw for draw.

A layout is defined by the draws of `numpy.random.Generator(PCG64(SeedSequence(seed)))` (DESIGN section 6), so the
batched engine needs the same draws without leaving compiled code. The algorithms are public: O'Neill's PCG XSL-RR
128/64 and seed sequence, and Lemire's bounded integers from 32-bit halves, low half first, as NumPy uses them.

A generator is a uint64[6] array: state high and low word, increment high and low word, the spare upper half of the
last 64-bit draw, and whether there is one.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled

U = np.uint64
LOW32 = U(0xFFFFFFFF)
MULTIPLIER_HIGH = U(0x2360ED051FC65DA4)
MULTIPLIER_LOW = U(0x4385DF649FCCF645)


@compiled
def _high_product(a, b):
    """Upper 64 bits of the product of two uint64."""
    a_low, a_high = a & LOW32, a >> U(32)
    b_low, b_high = b & LOW32, b >> U(32)
    middle = a_high * b_low + ((a_low * b_low) >> U(32))
    other = a_low * b_high + (middle & LOW32)
    return a_high * b_high + (middle >> U(32)) + (other >> U(32))


@compiled
def _advance(rng):
    """state = state * MULTIPLIER + increment, modulo 2**128."""
    high, low = rng[0], rng[1]
    product_low = low * MULTIPLIER_LOW
    product_high = _high_product(low, MULTIPLIER_LOW) + high * MULTIPLIER_LOW + low * MULTIPLIER_HIGH
    rng[1] = product_low + rng[3]
    rng[0] = product_high + rng[2] + (U(1) if rng[1] < product_low else U(0))


@compiled
def seed_generator(seed, rng, pool):
    """Set `rng` (uint64[6]) as `default_rng(seed)` would, for 0 <= seed < 2**32; `pool` is uint64[4] of scratch."""
    constant = U(0x43B0D7E5)
    for i in range(4):
        value = (U(seed) if i == 0 else U(0)) ^ constant
        constant = (constant * U(0x931E8875)) & LOW32
        value = (value * constant) & LOW32
        pool[i] = value ^ (value >> U(16))
    for source in range(4):
        for target in range(4):
            if source != target:
                value = pool[source] ^ constant
                constant = (constant * U(0x931E8875)) & LOW32
                value = (value * constant) & LOW32
                value ^= value >> U(16)
                mixed = (U(0xCA01F9DD) * pool[target] - U(0x4973F715) * value) & LOW32
                pool[target] = mixed ^ (mixed >> U(16))
    constant = U(0x8B51F9DD)
    for i in range(4):  # two 32-bit words, low word first, make one 64-bit word
        word = U(0)
        for half in range(2):
            value = pool[(2 * i + half) % 4] ^ constant
            constant = (constant * U(0x58F38DED)) & LOW32
            value = (value * constant) & LOW32
            word |= (value ^ (value >> U(16))) << U(32 * half)
        rng[i] = word
    start_high, start_low, stream_high, stream_low = rng[0], rng[1], rng[2], rng[3]
    rng[2] = (stream_high << U(1)) | (stream_low >> U(63))
    rng[3] = (stream_low << U(1)) | U(1)
    rng[0] = rng[2]  # one step from zero
    rng[1] = rng[3] + start_low
    rng[0] += start_high + (U(1) if rng[1] < start_low else U(0))
    _advance(rng)
    rng[4] = U(0)
    rng[5] = U(0)


@compiled
def _next32(rng):
    """The next 32 random bits."""
    if rng[5]:
        rng[5] = U(0)
        return rng[4]
    _advance(rng)
    word = rng[0] ^ rng[1]
    turn = rng[0] >> U(58)
    word = (word >> turn) | (word << ((U(64) - turn) & U(63)))
    rng[4] = word >> U(32)
    rng[5] = U(1)
    return word & LOW32


@compiled
def integers(rng, low, high):
    """An integer from [low, high), as `Generator.integers` draws it; no draw if there is only one."""
    span = U(high - low)
    if span == U(1):
        return low
    product = _next32(rng) * span
    if (product & LOW32) < span:
        threshold = (LOW32 - span + U(1)) % span
        while (product & LOW32) < threshold:
            product = _next32(rng) * span
    return low + np.int64(product >> U(32))
