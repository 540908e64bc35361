"""RTP packets in, 20 ms of sound each tick out: an adaptive jitter buffer. Pure: it is told the time.

Theory of operation
-------------------
Packets are kept by sequence number. Each tick takes about 960 samples of media time; what is missing is decoded from
the packet it stands in, recovered from the copy that the next packet carries (Opus in-band FEC, RFC 6716, 2.1.7),
or concealed by libopus.

*Delay* is how far the play position lies behind the fastest packet of the last two seconds: a packet that took
``r`` longer on its way than that one is in time while ``r`` is less than the delay. What it should be is known by
:mod:`rostra.stage.arrivals`.

The delay comes down to its target by three means, mildest first: some milliseconds are left out where nobody speaks;
if nobody pauses for three seconds, frames are made from some samples more (:mod:`rostra.stage.resample`), up to 2%;
and, only after an outage, there is one cut. It grows without waiting: sound that is not there when it is due, nor
anything after it, is concealed *in addition*, so that what comes late is still heard. That time is given back when it
turns out that nothing came late but was lost. A delay that is a little short is made longer by the same mild means.

Timestamps and sequence numbers wrap. A timestamp that jumps while the sequence goes on is discontinuous transmission
(RFC 7587, 3.1.3), not loss. A jump of more than :data:`RESTART_S` is another stream: it starts anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from rostra.errors import WireError
from rostra.stage.arrivals import MAX_TARGET, MS, RECENT, Arrivals
from rostra.stage.resample import Resampler
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Monotonic, Pcm

MAX_BUFFERED: Final = SAMPLE_RATE
"""Media time kept ahead of the play position: 1 s. No conversation bears more, so older sound gives way."""

MAX_PACKETS: Final = 400
"""1 s of the shortest packets there are (2.5 ms); bounds what a sender of nonsense can make us keep."""

MAX_STRETCH: Final = 200 * MS
"""Most sound added in one gap while it is open whether packets are late or lost."""

CUT_EXCESS: Final = 140 * MS
"""Delay above its target that is cut at once: there was a gap just before, and 2% would take seven seconds."""

TOLERANCE: Final = 12 * MS
"""Delay that much above its target is left alone: each change is one, and this much is not felt."""

PAUSE_STEP: Final = 10 * MS
"""Most by which a pause is made shorter or longer in one tick."""

PAUSE_PEAK: Final = 180
"""Peak (of 32768, -45 dBFS) under which nobody is taken to speak."""

PAUSE_BELOW: Final = 1 / 40
"""Nor where the peak is 32 dB below the voice's own, for most microphones hear a room that is louder than that."""

CROSSFADE: Final = 120
"""2.5 ms: no click, nothing audible doubled."""

PATIENCE_S: Final = 3.0
"""How long a pause is waited for before the voice is played faster; speakers breathe more often than that."""

IMPATIENT: Final = 60 * MS
"""Delay so much above its target does not wait: it is felt in a conversation."""

MAX_STEP: Final = 19
"""Most samples a frame is stretched or squeezed by: 2%, a third of a semitone, for seconds."""

STARVED_S: Final = 1.0
"""Nothing came for so long: the voice is taken to be gone, and whatever comes next starts anew."""

STARVED_DTX_S: Final = 5.0
"""The same where the sender said that it would be silent; browsers refresh that every 0.4 s."""

RESTART_S: Final = 10.0
"""Further than any packet can be out of order."""


class Decoder(Protocol):
    """:class:`rostra.codecs.libopus.OpusDecoder`."""

    def decode(self, payload: bytes) -> Pcm: ...
    def decode_fec(self, payload: bytes, samples: int) -> Pcm: ...
    def conceal(self, samples: int) -> Pcm: ...
    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class JitterStats:
    """Counts since the start, and how things are now."""

    received: int = 0
    lost: int = 0
    """Packets that were not there when they were due."""
    recovered: int = 0
    """Of those, the ones whose copy was heard instead."""
    late: int = 0
    """Packets that came after their time and were of no use."""
    duplicates: int = 0
    malformed: int = 0
    concealed_ms: int = 0
    longest_gap_ms: int = 0
    """Longest stretch of concealment, without anything that was sent in between."""
    cut_ms: int = 0
    """Sound left out to bring the delay down."""
    restarts: int = 0
    delay_ms: float = 0.0
    target_ms: float = 0.0
    jitter_ms: float = 0.0
    """What 97 of 100 packets needed more than the fastest."""


@dataclass(slots=True)
class _Packet:
    sequence: int
    start: int
    samples: int
    payload: bytes


def has_fec(payload: bytes) -> bool:
    """Whether an Opus packet carries a copy of the one before it.

    RFC 6716, 4.2.3: a SILK frame begins with a voice flag for each 20 ms and one flag for the copy, per channel, each
    with probability one half, so that they are the first bits as they stand. Packets of many frames (code 3) say no.
    """
    if len(payload) < 2:
        return False
    config, stereo, code = payload[0] >> 3, payload[0] & 4, payload[0] & 3
    if config >= 16 or code == 3:
        return False
    at = 1 if code != 2 else 2 if payload[1] < 252 else 3
    if at >= len(payload):
        return False
    frames = {2: 2, 3: 3}.get(config & 3, 1) if config < 12 else 1
    flags = payload[at]
    return bool(flags >> (7 - frames) & 1) or bool(stereo and flags >> max(0, 6 - 2 * frames) & 1)


class JitterBuffer:
    """One voice.

    :param decoder: of this stream alone; it is reset when another stream begins.
    :param packet_samples: :func:`rostra.codecs.libopus.packet_samples`, raising :class:`WireError`.
    """

    def __init__(self, decoder: Decoder, packet_samples: Callable[[bytes], int]) -> None:
        self._decoder, self._packet_samples = decoder, packet_samples
        self._resampler = Resampler()
        self._packets: dict[int, _Packet] = {}
        self._playing = False
        self._fresh = False
        self._newest = 0
        """Extended sequence number of the newest packet, and its timestamp."""
        self._newest_start = 0
        self._last_sequence = 0
        """Of the packet decoded last."""
        self._played: deque[int] = deque(maxlen=RECENT)
        """Packets that are done with, to know another copy of one when it comes."""
        self._position = 0
        """Media time up to which everything is decoded."""
        self._ready: Pcm = np.zeros(0, np.int16)
        """Decoded and not yet taken."""
        self._stretched = 0
        """Sound added since the last packet, without media time passing."""
        self._silent = False
        """Whether the sender said with its last packet that it will be silent."""
        self._last_arrival = 0.0
        self._arrivals = Arrivals()
        self._direction = 0
        self._above_since: float | None = None
        self._in_pause = False
        """Whether a pause is being used, which is done all the way to the target."""
        self._loud = 0.0
        """Peak of the voice, forgotten over some ten seconds."""
        self._gap = 0
        self._received = self._lost = self._recovered = self._late = self._duplicates = self._malformed = 0
        self._concealed = self._longest_gap = self._cut = self._restarts = 0
        self._delay = 0.0

    def push(self, sequence: int, timestamp: int, payload: bytes, now: Monotonic) -> None:
        """A packet has come.

        :param sequence: 16 bits, as in the header. :param timestamp: 32 bits, at 48 kHz. :param now: of its arrival.
        """
        self._received += 1
        try:
            samples = self._packet_samples(payload)
        except WireError:
            self._malformed += 1
            return
        if not self._playing:
            self._begin(sequence, timestamp, now)
        number = self._newest + _signed(sequence - self._newest, 16)
        start = self._newest_start + _signed(timestamp - self._newest_start, 32)
        if abs(start - self._newest_start) > RESTART_S * SAMPLE_RATE or abs(number - self._newest) > 3_000:
            self._restarts += 1
            self.reset()
            self._begin(sequence, timestamp, now)
            number, start = self._newest, self._newest_start
        self._last_arrival = now
        if number in self._packets or number in self._played:
            self._duplicates += 1
            return
        self._arrivals.note(now, now * SAMPLE_RATE - start, samples)
        if start < self._position:
            self._late += 1
            self._played.append(number)
            return
        if number > self._newest:
            self._newest, self._newest_start = number, start
        self._packets[number] = _Packet(number, start, samples, payload)
        while len(self._packets) > MAX_PACKETS or self._newest_start - self._position > MAX_BUFFERED:
            self._skip_packet()

    def pull(self, now: Monotonic) -> Pcm | None:
        """The next 20 ms: shape (960,), s16. None while there is no voice to speak of.

        :param now: when this tick is due; ticks come 20 ms apart.
        """
        if not self._playing:
            return None
        if now - self._last_arrival > (STARVED_DTX_S if self._silent else STARVED_S):
            self.reset()
            return None
        if self._fresh:  # silence in front, so that the delay is on target from the first tick on
            self._fresh = False
            passed = now * SAMPLE_RATE - self._arrivals.fastest(now) - self._position
            self._ready = np.zeros(max(0, int(self._arrivals.target - passed)), np.int16)
        self._delay = now * SAMPLE_RATE - self._arrivals.fastest(now) - (self._position - len(self._ready))
        excess = self._delay - self._arrivals.target
        if excess > CUT_EXCESS:
            self._cut_excess(int(excess))
            excess = 0.0
        take = FRAME_SAMPLES + self._step(excess, now)
        self._decode(take, now)
        self._use_pause(excess, take, now)
        taken, self._ready = self._ready[:take], self._ready[take:]
        self._loud = max(self._loud * 0.998, _peak(taken))
        return self._resampler.frame(taken)

    def reset(self) -> None:
        """Another stream begins; what is known of the network stays."""
        self._playing = False
        self._packets.clear()
        self._played.clear()
        self._ready = np.zeros(0, np.int16)
        self._stretched = 0
        self._silent = False
        self._end_gap()
        self._decoder.reset()

    @property
    def stats(self) -> JitterStats:
        return JitterStats(
            received=self._received,
            lost=self._lost,
            recovered=self._recovered,
            late=self._late,
            duplicates=self._duplicates,
            malformed=self._malformed,
            concealed_ms=self._concealed // MS,
            longest_gap_ms=max(self._longest_gap, self._gap) // MS,
            cut_ms=self._cut // MS,
            restarts=self._restarts,
            delay_ms=round(self._delay / MS, 1),
            target_ms=round(self._arrivals.target / MS, 1),
            jitter_ms=round(self._arrivals.jitter / MS, 1),
        )

    # From packets to sound

    def _begin(self, sequence: int, timestamp: int, now: float) -> None:
        self._playing = True
        self._newest = self._last_sequence = sequence + 0x10000  # room below, for packets overtaken by this one
        self._last_sequence -= 1
        self._newest_start = self._position = timestamp + (1 << 32)
        self._fresh = True
        self._arrivals.begin(now, now * SAMPLE_RATE - self._newest_start)

    def _decode(self, wanted: int, now: float) -> None:
        """Decode until ``wanted`` samples are ready."""
        pieces, have = [self._ready], len(self._ready)
        while have < wanted:
            piece = self._next_piece(now)
            pieces.append(piece)
            have += len(piece)
        self._ready = np.concatenate(pieces)

    def _next_piece(self, now: float) -> Pcm:
        packet = self._packets.get(self._last_sequence + 1)
        if packet is None and self._packets:
            packet = self._packets[min(self._packets)]
        if packet is None:
            return self._nothing_there()
        missing = packet.start - self._position
        in_order = packet.sequence == self._last_sequence + 1
        if missing < CROSSFADE:  # less than the shortest packet is rounding, not a hole
            return self._play(packet, now)
        if self._stretched:
            # It was open whether packets were late, lost or never sent. Not late, so their time has passed already.
            credit = min(missing, self._stretched)
            self._position += credit
            self._stretched -= credit
            return self._next_piece(now)
        if in_order:
            return self._silence(min(missing, FRAME_SAMPLES))
        if self._delay < self._arrivals.target - FRAME_SAMPLES and self._room_to_stretch():
            return self._stretch()
        return self._replace(packet, missing)

    def _play(self, packet: _Packet, now: float) -> Pcm:
        del self._packets[packet.sequence]
        if (lost := packet.sequence - self._last_sequence - 1) > 0:
            self._lost += lost
            self._arrivals.note_loss(now)
        self._last_sequence = packet.sequence
        self._played.append(packet.sequence)
        self._position = packet.start + packet.samples
        self._stretched = 0
        self._silent = len(packet.payload) <= 2  # RFC 6716, 2.1.9: what a silent encoder sends is empty
        try:
            sound = self._decoder.decode(packet.payload)
        except WireError:
            self._malformed += 1
            return self._conceal(packet.samples)
        self._end_gap()
        return sound

    def _replace(self, packet: _Packet, missing: int) -> Pcm:
        """Packets are lost: what stands in for the next piece of them."""
        if missing > packet.samples:
            samples = min(missing - packet.samples, packet.samples)
            self._position += samples
            return self._conceal(samples)
        samples = missing - missing % 120
        self._position = packet.start
        if not has_fec(packet.payload):
            return self._conceal(samples)
        self._recovered += 1
        self._end_gap()
        return self._decoder.decode_fec(packet.payload, samples)

    def _nothing_there(self) -> Pcm:
        if self._silent:
            return self._silence(FRAME_SAMPLES)
        if self._room_to_stretch():
            return self._stretch()
        self._position += FRAME_SAMPLES
        return self._conceal(FRAME_SAMPLES)

    def _room_to_stretch(self) -> bool:
        return self._stretched < MAX_STRETCH and self._delay < MAX_TARGET

    def _stretch(self) -> Pcm:
        self._stretched += FRAME_SAMPLES
        return self._conceal(FRAME_SAMPLES)

    def _silence(self, samples: int) -> Pcm:
        """The sender is silent on purpose: comfort noise, which is no gap."""
        samples -= samples % 120
        self._position += samples
        return self._decoder.conceal(samples)

    def _conceal(self, samples: int) -> Pcm:
        samples = max(120, samples - samples % 120)
        self._concealed += samples
        self._gap += samples
        return self._decoder.conceal(samples)

    def _end_gap(self) -> None:
        self._longest_gap = max(self._longest_gap, self._gap)
        self._gap = 0

    # Bringing the delay to its target

    def _step(self, excess: float, now: float) -> int:
        """Samples a frame takes more (or less, negative) to bring the delay to its target.

        It is begun when the delay is off by something and ended when it is on target, so that most of the time
        nothing is done at all. Too little delay is a gap soon, so it is mended at once.
        """
        if excess <= TOLERANCE:
            self._above_since = None
        elif self._above_since is None:
            self._above_since = now
        if self._direction * excess <= MS // 2:
            self._direction = 0
        if excess < -MS:
            self._direction = -1
        elif excess > IMPATIENT or (self._above_since is not None and now - self._above_since > PATIENCE_S):
            self._direction = 1
        hurry = excess > 30 * MS or excess < -FRAME_SAMPLES
        return self._direction * (MAX_STEP if hurry else MAX_STEP // 2)

    def _skip_packet(self) -> None:
        """Leave out the oldest packet and all before it."""
        first = self._packets.pop(min(self._packets))
        self._cut += max(0, first.start + first.samples - self._position)
        self._position = max(self._position, first.start + first.samples)
        self._last_sequence = max(self._last_sequence, first.sequence)

    def _cut_excess(self, excess: int) -> None:
        """After an outage: drop what is too old in one cut, and fade across it."""
        before = self._ready[:CROSSFADE]
        until = self._position - len(self._ready) + excess
        while self._packets and (first := self._packets[min(self._packets)]).start + first.samples <= until:
            self._skip_packet()
        if self._position <= until:
            self._ready = np.zeros(0, np.int16)
        else:
            self._cut += excess
            self._ready = self._ready[-(self._position - until) :]
        if len(before) == CROSSFADE and len(self._ready) >= CROSSFADE:
            self._ready = np.concatenate((_crossfade(before, self._ready[:CROSSFADE]), self._ready[CROSSFADE:]))

    def _use_pause(self, excess: float, take: int, now: float) -> None:
        """Where nobody speaks, leave out or say twice up to 10 ms of what is ready, until the delay is on target."""
        wrong = excess < -MS or (excess > MS and (self._in_pause or self._above_since is not None))
        change = int(min(abs(excess), PAUSE_STEP))
        self._in_pause = wrong and bool(self._packets) and self._quiet(take + change, now)
        if not self._in_pause:
            return
        first = (take - CROSSFADE) // 2
        out, into = (first, first + change) if excess > 0 else (first + change, first)
        ready = self._ready
        seam = _crossfade(ready[out : out + CROSSFADE], ready[into : into + CROSSFADE])
        self._ready = np.concatenate((ready[:out], seam, ready[into + CROSSFADE :]))
        if excess > 0:
            self._cut += change

    def _quiet(self, samples: int, now: float) -> bool:
        """Whether nobody speaks in the next ``samples``, which are decoded if they are there."""
        self._decode_ahead(samples, now)
        threshold = max(PAUSE_PEAK, self._loud * PAUSE_BELOW)
        return len(self._ready) >= samples and _peak(self._ready[:samples]) <= threshold

    def _decode_ahead(self, wanted: int, now: float) -> None:
        """Decode up to ``wanted`` samples, but only what is there in order."""
        while len(self._ready) < wanted:
            packet = self._packets.get(self._last_sequence + 1)
            if packet is None or packet.start - self._position >= CROSSFADE:
                return
            self._ready = np.concatenate((self._ready, self._play(packet, now)))


def _peak(pcm: Pcm) -> float:
    return max(float(pcm.max()), -float(pcm.min()))


def _signed(difference: int, bits: int) -> int:
    """The shortest way from one number to another on a circle of ``2**bits``."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half


def _crossfade(out: Pcm, into: Pcm) -> Pcm:
    rise = np.arange(1, len(out) + 1, dtype=np.float32) / (len(out) + 1)
    faded: Pcm = np.rint(out * (1 - rise) + into * rise).astype(np.int16)
    return faded
