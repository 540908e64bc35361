"""libopus through ctypes: 48 kHz mono, any packet duration that RFC 6716 allows.

FFmpeg's own wrapper offers neither forward error correction nor concealment, which the stage needs for lost packets.
The library is the one that the PyAV wheel brings, so that nothing has to be installed; else the system's.

One call costs a microsecond or two above libopus itself. Encoders and decoders are not thread-safe, as in libopus.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import weakref
from pathlib import Path
from typing import Final

import av
import numpy as np

from rostra.errors import MissingTool, WireError
from rostra.units import SAMPLE_RATE, Pcm

MAX_PACKET_SAMPLES: Final = 5760
"""120 ms, the longest a packet can be (RFC 6716, section 3.2.5, R5)."""

MAX_PACKET_BYTES: Final = 1275 * 6
"""What an encoder may write: six 20 ms frames of the largest size, 1275 bytes (RFC 6716, section 3.2.1, R2)."""

MAX_DECODE_BYTES: Final = 64 * 1024
"""Longest payload that is looked at: more does not fit into a UDP datagram, so it cannot have come from one."""

ENCODE_SAMPLES: Final = frozenset({120, 240, 480, 960, 1920, 2880})
"""2.5, 5, 10, 20, 40 and 60 ms: the frame durations of an encoder (RFC 6716, section 2.1.4)."""

# opus_defines.h; the numbers are part of the library's ABI.
_APPLICATION_VOIP, _APPLICATION_AUDIO = 2048, 2049
_SIGNAL_VOICE = 3001
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS_PERC, _SET_DTX, _SET_SIGNAL = (
    4002,
    4010,
    4012,
    4014,
    4016,
    4024,
)
_GET_LOOKAHEAD = 4027
_RESET_STATE = 4028

_LOWEST_BIT_RATE, _HIGHEST_BIT_RATE = 6_000, 510_000


class _Library:
    """The functions used, with their types."""

    def __init__(self, path: str) -> None:
        c_int, c_void_p, c_char_p, c_int32 = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
        lib = ctypes.CDLL(path)
        self.version = lib.opus_get_version_string
        self.version.argtypes, self.version.restype = [], c_char_p
        self.strerror = lib.opus_strerror
        self.strerror.argtypes, self.strerror.restype = [c_int], c_char_p
        self.encoder_create = lib.opus_encoder_create
        self.encoder_create.argtypes = [c_int32, c_int, c_int, ctypes.POINTER(c_int)]
        self.encoder_create.restype = c_void_p
        self.encoder_destroy = lib.opus_encoder_destroy
        self.encoder_destroy.argtypes, self.encoder_destroy.restype = [c_void_p], None
        self.encode = lib.opus_encode
        self.encode.argtypes, self.encode.restype = [c_void_p, c_void_p, c_int, c_void_p, c_int32], c_int32
        # The ctl functions are variadic; each form in use gets a prototype of its own.
        self.encoder_set = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_int32)(("opus_encoder_ctl", lib))
        self.encoder_get = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, ctypes.POINTER(c_int32))(("opus_encoder_ctl", lib))
        self.decoder_reset = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)(("opus_decoder_ctl", lib))
        self.decoder_create = lib.opus_decoder_create
        self.decoder_create.argtypes = [c_int32, c_int, ctypes.POINTER(c_int)]
        self.decoder_create.restype = c_void_p
        self.decoder_destroy = lib.opus_decoder_destroy
        self.decoder_destroy.argtypes, self.decoder_destroy.restype = [c_void_p], None
        self.decode = lib.opus_decode
        self.decode.argtypes = [c_void_p, c_char_p, c_int32, c_void_p, c_int, c_int]
        self.decode.restype = c_int
        self.packet_samples = lib.opus_packet_get_nb_samples
        self.packet_samples.argtypes, self.packet_samples.restype = [c_char_p, c_int32, c_int32], c_int

    def reason(self, code: int) -> str:
        text: bytes = self.strerror(code)
        return text.decode()


def _candidates() -> list[str]:
    bundled = sorted((Path(av.__file__).parent.parent / "av.libs").glob("libopus-*.so*"))
    found = ctypes.util.find_library("opus")
    return [str(path) for path in bundled] + ([found] if found else [])


@functools.cache
def _library() -> _Library:
    for path in _candidates():
        try:
            return _Library(path)
        except (OSError, AttributeError):
            continue  # of another architecture, or not libopus after all: try the next
    raise MissingTool("libopus was not found, neither beside PyAV nor on this system. Install it (Debian: libopus0).")


def version() -> str:
    """As libopus names itself, such as ``libopus 1.5.2``.

    :raises MissingTool: if there is none.
    """
    text: bytes = _library().version()
    return text.decode()


def packet_samples(payload: bytes) -> int:
    """Samples at 48 kHz that ``payload`` decodes to, read from its header alone (RFC 6716, section 3.1).

    :raises WireError: if it is not an Opus packet.
    """
    if not 0 < len(payload) <= MAX_DECODE_BYTES:
        raise WireError(f"an Opus packet of {len(payload)} bytes is not possible")
    lib = _library()
    samples: int = lib.packet_samples(payload, len(payload), SAMPLE_RATE)
    if samples <= 0:
        raise WireError(f"not an Opus packet: {lib.reason(samples)}")
    return samples


class OpusEncoder:
    """One stream, 48 kHz mono.

    :param bit_rate: bits a second, 6,000 to 510,000 (variable around it).
    :param voice: tuned for speech; False for whatever comes, music included.
    :param fec: carry a coarse copy of the frame before in each packet (RFC 6716, section 2.1.7); it takes bits only
        while ``expected_loss_percent`` is above 0.
    :param dtx: send next to nothing in silence (section 2.1.9).
    :param complexity: 0 to 10; what it costs is in ``docs/topics/mixing.md``.
    :raises MissingTool: if there is no libopus.
    """

    __slots__ = ("__weakref__", "_lib", "_output", "_output_address", "_state", "lookahead")

    def __init__(
        self,
        bit_rate: int,
        *,
        voice: bool = True,
        fec: bool = False,
        expected_loss_percent: int = 0,
        dtx: bool = False,
        complexity: int = 5,
    ) -> None:
        if not _LOWEST_BIT_RATE <= bit_rate <= _HIGHEST_BIT_RATE:
            raise ValueError(f"Opus has {_LOWEST_BIT_RATE} to {_HIGHEST_BIT_RATE} bit/s, not {bit_rate}")
        self._lib = _library()
        error = ctypes.c_int()
        application = _APPLICATION_VOIP if voice else _APPLICATION_AUDIO
        self._state = self._lib.encoder_create(SAMPLE_RATE, 1, application, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"libopus: {self._lib.reason(error.value)}")
        weakref.finalize(self, self._lib.encoder_destroy, self._state)
        self._set(_SET_BITRATE, bit_rate)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_INBAND_FEC, int(fec))
        self._set(_SET_PACKET_LOSS_PERC, expected_loss_percent)
        self._set(_SET_DTX, int(dtx))
        if voice:
            self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        lookahead = ctypes.c_int32()
        self._lib.encoder_get(self._state, _GET_LOOKAHEAD, ctypes.byref(lookahead))
        self.lookahead: int = lookahead.value
        """Samples by which what is decoded comes later than what was encoded (pre-skip, RFC 7845, section 4.2)."""
        self._output = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._output_address = ctypes.addressof(self._output)

    def _set(self, request: int, value: int) -> None:
        code: int = self._lib.encoder_set(self._state, request, value)
        if code < 0:
            raise ValueError(f"libopus refused setting {request} = {value}: {self._lib.reason(code)}")

    def set_expected_loss(self, percent: int) -> None:
        """What share of packets gets lost, 0 to 100: how much redundancy ``fec`` spends."""
        self._set(_SET_PACKET_LOSS_PERC, percent)

    def set_bit_rate(self, bit_rate: int) -> None:
        self._set(_SET_BITRATE, bit_rate)

    def encode(self, pcm: Pcm) -> bytes:
        """One packet out of 120, 240, 480, 960, 1920 or 2880 samples.

        :raises ValueError: for any other shape or type.
        """
        if pcm.ndim != 1 or len(pcm) not in ENCODE_SAMPLES or pcm.dtype != np.int16:
            raise ValueError(f"Opus frames are int16 of {sorted(ENCODE_SAMPLES)} samples, not {pcm.shape} {pcm.dtype}")
        if not pcm.flags.c_contiguous:
            pcm = np.ascontiguousarray(pcm)
        size: int = self._lib.encode(self._state, pcm.ctypes.data, len(pcm), self._output_address, MAX_PACKET_BYTES)
        if size < 0:
            raise RuntimeError(f"libopus: {self._lib.reason(size)}")
        return ctypes.string_at(self._output_address, size)


class OpusDecoder:
    """One stream to 48 kHz mono; libopus mixes stereo packets down by itself.

    :raises MissingTool: if there is no libopus.
    """

    __slots__ = ("__weakref__", "_address", "_lib", "_pcm", "_state")

    def __init__(self) -> None:
        self._lib = _library()
        error = ctypes.c_int()
        self._state = self._lib.decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"libopus: {self._lib.reason(error.value)}")
        weakref.finalize(self, self._lib.decoder_destroy, self._state)
        self._pcm = np.zeros(MAX_PACKET_SAMPLES, np.int16)
        self._address: int = self._pcm.ctypes.data

    def decode(self, payload: bytes) -> Pcm:
        """What the packet holds: 120 to 5760 samples.

        :raises WireError: if it is not an Opus packet.
        """
        if not 0 < len(payload) <= MAX_DECODE_BYTES:
            raise WireError(f"an Opus packet of {len(payload)} bytes is not possible")
        return self._decode(payload, len(payload), MAX_PACKET_SAMPLES, 0)

    def decode_fec(self, payload: bytes, samples: int) -> Pcm:
        """The lost packet *before* ``payload``, ``samples`` long, from the copy carried in ``payload``.

        Where it carries none, libopus conceals instead. ``payload`` itself must still be decoded afterwards.

        :raises WireError: if it is not an Opus packet.
        """
        if not 0 < len(payload) <= MAX_DECODE_BYTES:
            raise WireError(f"an Opus packet of {len(payload)} bytes is not possible")
        return self._decode(payload, len(payload), _whole(samples), 1)

    def conceal(self, samples: int) -> Pcm:
        """``samples`` of what probably came next, fading out over some 60 ms."""
        return self._decode(None, 0, _whole(samples), 0)

    def reset(self) -> None:
        """Forget what was decoded: another stream begins."""
        self._lib.decoder_reset(self._state, _RESET_STATE)

    def _decode(self, payload: bytes | None, size: int, samples: int, fec: int) -> Pcm:
        count: int = self._lib.decode(self._state, payload, size, self._address, samples, fec)
        if count < 0:
            raise WireError(f"not an Opus packet: {self._lib.reason(count)}")
        return self._pcm[:count].copy()


def _whole(samples: int) -> int:
    if not 0 < samples <= MAX_PACKET_SAMPLES or samples % 120:
        raise ValueError(f"a gap is 120 to {MAX_PACKET_SAMPLES} samples in steps of 120, not {samples}")
    return samples
