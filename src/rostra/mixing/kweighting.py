"""The K-weighting of ITU-R BS.1770-5 for many voices at once, exactly, without a loop over samples.

A recursive filter is a loop, which numpy has no fast form of. But over a block of samples it is linear in the block and
in the filter's state before it, so that a block is one matrix product, and the states at all block starts of a tick are
another one. The result is the filter's own, to the rounding of float32.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.units import FRAME_SAMPLES

F32 = NDArray[np.float32]

BLOCK: Final = 48
"""Samples in a block: 20 blocks a tick. So chosen that every product stays below the size from which OpenBLAS would
start threads (262,144 multiplications), which cost more than they bring."""

BLOCKS: Final = FRAME_SAMPLES // BLOCK

# BS.1770-5, tables 1 and 2, for 48 kHz: the head's shelf, then the high-pass. (b0, b1, b2), (a1, a2).
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (-1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621))

LUFS_OFFSET: Final = -0.691
"""BS.1770-5: loudness = -0.691 + 10 log10 of the weighted mean square."""

_F64 = NDArray[np.float64]


def _state_space(b: tuple[float, float, float], a: tuple[float, float]) -> tuple[_F64, _F64, _F64, float]:
    """A biquad as s' = A s + B u, y = C s + D u (transposed direct form II)."""
    b0, b1, b2 = b
    a1, a2 = a
    return (
        np.array([[-a1, 1.0], [-a2, 0.0]]),
        np.array([b1 - a1 * b0, b2 - a2 * b0]),
        np.array([1.0, 0.0]),
        b0,
    )


def _cascade() -> tuple[_F64, _F64, _F64, float]:
    a1, b1, c1, d1 = _state_space(*_SHELF)
    a2, b2, c2, d2 = _state_space(*_HIGH_PASS)
    a = np.block([[a1, np.zeros((2, 2))], [np.outer(b2, c1), a2]])
    return a, np.concatenate((b1, b2 * d1)), np.concatenate((d2 * c1, c2)), d2 * d1


class KWeighting:
    """The filter for ``rows`` voices; row i keeps its own state."""

    def __init__(self, rows: int) -> None:
        a, b, c, d = _cascade()
        powers = [np.linalg.matrix_power(a, i) for i in range(BLOCK + 1)]
        # What a block of input leaves in the state: sum of A^(BLOCK-1-j) B u[j].
        self._drive: F32 = np.stack([powers[BLOCK - 1 - j] @ b for j in range(BLOCK)]).astype(np.float32)
        # The output within a block: of the input (a triangle of the impulse response), and of the state before it.
        response = np.array([d, *(c @ powers[i] @ b for i in range(BLOCK - 1))])
        of_input = np.array([[response[i - j] if i >= j else 0.0 for i in range(BLOCK)] for j in range(BLOCK)])
        self._of_input: F32 = of_input.astype(np.float32)
        self._of_state: F32 = np.stack([c @ powers[i] for i in range(BLOCK)], axis=1).astype(np.float32)
        # States at the start of every block and after the last, out of the state before the tick and what each block
        # drives.
        order = len(b)
        leap = [np.linalg.matrix_power(powers[BLOCK], k) for k in range(BLOCKS + 1)]
        chain = np.zeros(((1 + BLOCKS) * order, (1 + BLOCKS) * order))
        for k in range(BLOCKS + 1):
            to = slice(k * order, (k + 1) * order)
            chain[0:order, to] = leap[k].T
            for j in range(k):
                chain[(1 + j) * order : (2 + j) * order, to] = leap[k - 1 - j].T
        self._chain: F32 = chain.astype(np.float32)
        self._order = order
        self._known: F32 = np.zeros((rows, (1 + BLOCKS) * order), np.float32)

    def reset(self, row: int) -> None:
        self._known[row] = 0.0

    def mean_square(self, wave: F32) -> F32:
        """The weighted mean square of each row of ``wave``, shape (n, 960), -1..1; advances the first n states."""
        n, order = len(wave), self._order
        blocks = wave.reshape(n, BLOCKS, BLOCK)
        known = self._known[:n]
        known[:, order:] = (blocks @ self._drive).reshape(n, BLOCKS * order)
        states = known @ self._chain
        weighted = blocks @ self._of_input
        weighted += states[:, :-order].reshape(n, BLOCKS, order) @ self._of_state
        known[:, :order] = states[:, -order:]
        flat = weighted.reshape(n, FRAME_SAMPLES)
        power: F32 = np.einsum("ij,ij->i", flat, flat) / np.float32(FRAME_SAMPLES)
        return power


def lufs(mean_square: F32) -> F32:
    """Loudness of weighted mean squares; -120 stands for nothing at all."""
    loudness: F32 = (10 * np.log10(np.maximum(mean_square, np.float32(1.2e-12))) + LUFS_OFFSET).astype(np.float32)
    return loudness
