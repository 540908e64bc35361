"""Who came from where, and who came more often than is fair while there is not enough for all. Pure: is told the time.

Addresses are packed (4 or 16 bytes) and appended to a list as they come, which costs a tenth of a microsecond. Ten
times a second the list is counted, all at once, by address, network and provider: IPv4 /32, /24, /16 and IPv6 /64, /48,
/32. All tables have a fixed size: at most 64 MB, whoever comes (``tests/admission/memory.py``).

**While there is enough, nothing is tight.** There is not enough when, as fast as people come now, places would not last
another minute, or when more come than can join.

**Then what there is is shared so that nobody can get more by taking it from someone who has less** (max-min fairness,
Bertsekas and Gallager, 1992): there is a level, found by looking at a sample of those who came just now, and whoever
comes from a prefix that is above it stands in the line ``crowded``, behind all others. It gets what they leave. Above
the level may also be

* what came from the prefix in the quiet time before: a campus that had 5,000 listeners has room for as many;
* ``LEAST`` people, always;
* a 10,000th of the house from an address, a 2,500th from a network, a 250th from a provider, up to 20, 200 and 2,000:
  an audience that nobody knew before has networks with some more listeners than others, and 200 networks of bots get
  no more than a twelfth of the house by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from rostra.admission.sketch import HALF_LIFE_S, WIDTH, CountMin, Counts, Heavy, Keys, SpaceSaving, mixed

MAX_PENDING = 1 << 16
"""Addresses counted at once: a tenth of a second in which half a million came. Nobody takes so many; more are not
counted."""

PRESSED_S = 60.0
"""Places that would not last so long at the present rate are short: an audience comes within a minute or so."""

STILL_PRESSED_S = 5.0
"""How long shares are kept when there is enough again: a wave has gaps."""

RATE_S = 1.0
"""The present rate is an average over so long."""

LEAST = 4.0
"""A household, or a few neighbours: nobody is crowded with so few."""

OF_THE_HOUSE = (1 / 10_000, 1 / 2_500, 1 / 250)
"""Share of all places (taken or not) that an address, a network, a provider has whatever the level."""

HISTORY_HALF_LIFE_S = 6 * 3600.0
"""An evening before is remembered by a sixteenth, the hours before the event nearly whole."""

SAMPLE = 2048
"""Latest arrivals from which the level is found: its error is two percent."""

SAMPLE_A_BATCH = 256

LEVEL_EVERY_S = 0.5

LEFTOVER_S = 2.0
"""In which what the others leave goes to those who are crowded, if it lasts."""

NOISE_SAMPLE = 256
"""Keys that nobody has, looked up to see what a table says of them: what is below cannot be told from nothing."""


NOISE_RANK = NOISE_SAMPLE * 9 // 10
"""What nine of ten of them are not above."""


class Prefix(IntEnum):
    """What addresses are counted by: ``bits`` of an IPv4 address, or of the first half of an IPv6 one."""

    V4_32 = 0
    V4_24 = 1
    V4_16 = 2
    V6_64 = 3
    V6_48 = 4
    V6_32 = 5

    @property
    def bits(self) -> int:
        return (32, 24, 16, 64, 48, 32)[self]

    @property
    def shift(self) -> int:
        return (0, 8, 16, 0, 16, 32)[self]

    @property
    def of(self) -> int:
        """IPv4 or IPv6."""
        return 4 if self < Prefix.V6_64 else 6

    def packed(self, key: int) -> bytes:
        """The first bytes of an address of it."""
        return key.to_bytes(self.bits // 8)

    def text(self, key: int) -> str:
        """As networks are written: ``192.0.2.0/24``, ``2001:db8::/48``."""
        if self.of == 4:
            whole = (key << self.shift).to_bytes(4)
            return f"{'.'.join(map(str, whole))}/{self.bits}"
        groups = [f"{(key << self.shift) >> at & 0xFFFF:x}" for at in (48, 32, 16, 0)]
        return f"{':'.join(groups[: self.bits // 16])}::/{self.bits}"


FAMILY = {
    4: (Prefix.V4_32, Prefix.V4_24, Prefix.V4_16),
    6: (Prefix.V6_64, Prefix.V6_48, Prefix.V6_32),
}

WIDTHS = (1 << 18, 1 << 17, 1 << 14)
"""Cells a row for those who want in: addresses, networks, providers. There may be a million addresses in a minute."""

MOST_TIGHT = (8_192, 32_768, 1_024)
"""Prefixes that are held to their share at once; 250 bytes each. Those furthest above it, if there are more."""


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to be shared."""

    places: float
    """Of this edge, now."""
    joins_s: float
    house: float = 0.0
    """Places in all, taken or not."""


@dataclass(frozen=True, slots=True)
class Floors:
    """So many are let in from one above its share; fewer in a small house (:data:`OF_THE_HOUSE`)."""

    address: int = 20
    network: int = 200
    provider: int = 2000

    def __post_init__(self) -> None:
        if not LEAST <= self.address <= self.network <= self.provider:
            raise ValueError(f"floors are {LEAST:.0f} or more, and a network's is not lower than an address's")

    def of(self, level: int, house: float) -> float:
        most = (self.address, self.network, self.provider)[level]
        return max(LEAST, min(most, house * OF_THE_HOUSE[level]))


@dataclass(frozen=True, slots=True)
class Tight:
    """How it stands after a settling."""

    pressed: bool
    """Whether there is not enough."""
    wanted_s: float
    """How many a second want in."""
    prefixes: tuple[int, ...]
    """How many of each :class:`Prefix` are held to their share."""
    levels: tuple[float, ...]
    """People a prefix may have in lately before it is crowded, whatever its history; infinite while there is enough."""


def families(batch: list[bytes]) -> tuple[Keys, Keys]:
    """The addresses of a batch, as numbers: IPv4 whole, of IPv6 the first 64 bits. IPv4 that comes as IPv6 (RFC 4291,
    section 2.5.5.2) is IPv4. What is no address is left out."""
    short = np.frombuffer(b"".join([a for a in batch if len(a) == 4]), ">u4").astype(np.uint64)
    long = b"".join([a for a in batch if len(a) == 16])
    if not long:
        return short, np.empty(0, np.uint64)
    halves = np.frombuffer(long, ">u8").reshape(-1, 2).astype(np.uint64)
    mapped = (halves[:, 0] == 0) & (halves[:, 1] >> np.uint64(32) == np.uint64(0xFFFF))
    folded = halves[mapped, 1] & np.uint64(0xFFFFFFFF)
    return np.concatenate((short, folded)), halves[~mapped, 0]


def fold(address: bytes) -> bytes:
    """An address as it is counted: IPv4 that comes as IPv6 is IPv4."""
    return address[12:] if len(address) == 16 and address.startswith(_MAPPED) else address


_MAPPED = bytes(10) + b"\xff\xff"

Ladder = list[tuple[Keys, Counts]]
"""Distinct keys and how often each is there, for each prefix length."""


class _Family:
    """Everything of one version of IP."""

    def __init__(self, version: int, seed: int, floors: Floors) -> None:
        self.prefixes = FAMILY[version]
        self._floors = floors
        self.came = tuple(CountMin(seed + p, HALF_LIFE_S, WIDTH) for p in self.prefixes)
        self.heavy = tuple(SpaceSaving() for _ in self.prefixes)
        self.wanted = tuple(CountMin(seed + 16 + p, HALF_LIFE_S, w) for p, w in zip(self.prefixes, WIDTHS, strict=True))
        self.before = tuple(
            CountMin(seed + 32 + p, HISTORY_HALF_LIFE_S, w) for p, w in zip(self.prefixes, WIDTHS, strict=True)
        )
        self.tight: tuple[dict[bytes, list[float]], ...] = ({}, {}, {})
        """By prefix: the moment at which it would have used what it was given, and seconds for one more."""
        self.levels = [math.inf] * 3
        self._noise = [(0.0, 0.0)] * 3
        """What the tables say of those who never came: lately, and before."""
        self._sample = np.empty(0, np.uint64)
        self._probes = mixed(np.arange(NOISE_SAMPLE, dtype=np.uint64), seed + 64)

    @property
    def nbytes(self) -> int:
        return sum(sketch.nbytes for sketch in (*self.came, *self.wanted, *self.before))

    def ladder(self, keys: Keys) -> Ladder:
        """Distinct keys and how often each is in ``keys``, for each prefix length. Sorted once."""
        distinct, counts = np.unique(keys, return_counts=True)
        found = [(distinct, counts.astype(np.float64))]
        for finer, coarser in zip(self.prefixes, self.prefixes[1:], strict=False):
            keys_now, counts_now = found[-1]
            wider = keys_now >> np.uint64(coarser.shift - finer.shift)
            first = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), wider[1:] != wider[:-1])))
            found.append((wider[first], np.add.reduceat(counts_now, first)))
        return found

    def count_came(self, ladder: Ladder, now: float) -> None:
        for (distinct, counts), sketch, heavy in zip(ladder, self.came, self.heavy, strict=True):
            heavy.add(distinct, counts, now, sketch.add(distinct, counts, now))

    def count_wanted(self, keys: Keys, ladder: Ladder, now: float, *, quiet: bool) -> None:
        """:param ladder: of ``keys``."""
        for level, (distinct, counts) in enumerate(ladder):
            known = self.wanted[level].add(distinct, counts, now)
            if quiet:
                self.before[level].add(distinct, counts, now)
            elif self.levels[level] < math.inf:
                self._hold(level, distinct[known > self.levels[level]], now)
        stride = max(1, len(keys) // SAMPLE_A_BATCH)
        self._sample = np.concatenate((self._sample, keys[::stride][:SAMPLE_A_BATCH]))[-SAMPLE:]

    def share(self, means: Means, fraction: float, now: float) -> None:
        """Find the levels and who is above them. :param fraction: of those who want in, how many there is enough
        for."""
        for level, prefix in enumerate(self.prefixes):
            keys = self._sample >> np.uint64(prefix.shift)
            if not len(keys):
                continue
            self._noise[level] = (self._nothing(self.wanted[level], now), self._nothing(self.before[level], now))
            known, had = self._known(level, keys, now), self._had(level, keys, now)
            floor = self._floors.of(level, means.house)
            fair = fair_level(known, np.maximum(had, floor), fraction)
            self.levels[level] = max(fair, floor)
            held, above = self.tight[level], keys[known > np.maximum(had, self.levels[level])]
            again = np.fromiter(map(int.from_bytes, held), np.uint64, len(held))
            self._hold(level, np.unique(np.concatenate((above, again))), now, only=True)

    def loosen(self) -> None:
        self.levels = [math.inf] * 3
        for held in self.tight:
            held.clear()

    def crowded(self, packed: bytes, now: float) -> bool:
        for prefix, held in zip(self.prefixes, self.tight, strict=True):
            if held and (bucket := held.get(packed[: prefix.bits // 8])) is not None and bucket[0] > now:
                return True
        return False

    def spend(self, packed: bytes, now: float) -> None:
        for prefix, held in zip(self.prefixes, self.tight, strict=True):
            if held and (bucket := held.get(packed[: prefix.bits // 8])) is not None:
                bucket[0] = max(bucket[0], now - bucket[1]) + bucket[1]

    def _known(self, level: int, keys: Keys, now: float) -> Counts:
        return np.maximum(1.0, self.wanted[level].look(keys, now) - self._noise[level][0])

    def _had(self, level: int, keys: Keys, now: float) -> Counts:
        if self.before[level].empty:
            return np.zeros(len(keys))
        return np.maximum(0.0, self.before[level].look(keys, now) - self._noise[level][1])

    def _nothing(self, sketch: CountMin, now: float) -> float:
        if sketch.empty:
            return 0.0
        return float(np.partition(sketch.look(self._probes, now), NOISE_RANK)[NOISE_RANK])

    def _hold(self, level: int, keys: Keys, now: float, *, only: bool = False) -> None:
        """Hold those of ``keys`` that are above their share to it. :param only: and nobody else any longer."""
        if not len(keys):
            if only:
                self.tight[level].clear()
            return
        prefix, held = self.prefixes[level], self.tight[level]
        known = self._known(level, keys, now)
        may = np.maximum(self._had(level, keys, now), self.levels[level])
        above = np.flatnonzero(known > may)
        room = MOST_TIGHT[level] - (0 if only else len(held))
        if len(above) > room:
            above = above[np.argsort(may[above] / known[above])[: max(0, room)]]
        # What fades of its share in a second is what it gets back in a second.
        every_s = HALF_LIFE_S / math.log(2) / may[above]
        before = dict(held) if only else held
        if only:
            held.clear()
        for key, pause_s in zip(keys[above].tolist(), every_s.tolist(), strict=True):
            packed = prefix.packed(key)
            bucket = before.get(packed)
            held[packed] = [now + pause_s, pause_s] if bucket is None else [bucket[0], pause_s]


def fair_level(known: Counts, own: Counts, fraction: float) -> float:
    """The level at which ``fraction`` of those who want in get in, if each of a prefix of ``n`` has a chance of
    ``max(level, own) / n``.

    :param known: for each of a sample of those who want in, how many of their prefix do. :param own: what their prefix
        may have whatever the level.
    """
    if fraction >= 1.0:
        return math.inf

    def let_in(level: float) -> float:
        return float(np.minimum(1.0, np.maximum(own, level) / known).mean())

    if let_in(0.0) >= fraction:
        return 0.0  # with what each has whatever the level as many get in already
    low, high = 0.0, float(known.max())
    for _ in range(24):
        middle = (low + high) / 2
        if let_in(middle) <= fraction:
            low = middle
        else:
            high = middle
    return low


class Accounting:
    def __init__(self, seed: int, floors: Floors | None = None) -> None:
        """:param seed: 128 bits, secret."""
        self._came: list[bytes] = []
        self._wanted: list[bytes] = []
        self.came = self._came.append
        """A connection from a packed address."""
        self.entered = self._wanted.append
        """Somebody from there was let in while nobody was asked; otherwise :meth:`take`."""
        floors = floors or Floors()
        self._v4 = _Family(4, seed, floors)
        self._v6 = _Family(6, seed, floors)
        self._came_s = _Rate()
        self._wanted_s = _Rate()
        self._crowded_s = _Rate()
        self._crowded_now = 0
        self._enough_since = -math.inf
        self.pressed = False
        self._shared_at = -math.inf
        self._leftover = 0.0
        self.left = math.inf
        """Places that are left when those who are not crowded have come for another minute."""
        self._at: float | None = None

    @property
    def nbytes(self) -> int:
        """Of the tables whose size is known beforehand."""
        return self._v4.nbytes + self._v6.nbytes

    @property
    def pending(self) -> int:
        """Connections that came since the last time."""
        return len(self._came)

    @property
    def holds(self) -> bool:
        """Whether anyone is held to their share."""
        return any(map(any, (self._v4.tight, self._v6.tight)))

    @property
    def came_s(self) -> float:
        """Connections a second."""
        return self._came_s.value

    @property
    def wanted_s(self) -> float:
        return self._wanted_s.value

    @property
    def fair_s(self) -> float:
        """Of those, the ones that are not crowded."""
        return max(0.0, self.wanted_s - self._crowded_s.value)

    def settle(self, now: float, means: Means) -> Tight:
        """Count what came since the last time; ten times a second."""
        passed = 0.1 if self._at is None else max(1e-3, now - self._at)
        self._at = now
        came, wanted = self._taken(self._came), self._taken(self._wanted)
        self._came_s.observe(len(came), passed)
        self._wanted_s.observe(len(wanted), passed)
        self._crowded_s.observe(self._crowded_now, passed)
        self._crowded_now = 0
        self._press(now, means)
        known = self._sorted(came)
        for family, _, ladder in known:
            family.count_came(ladder, now)
        # Mostly all who came were let in at once.
        for family, keys, ladder in known if wanted == came else self._sorted(wanted):
            family.count_wanted(keys, ladder, now, quiet=not self.pressed)
        self._share(now, means, passed)
        return Tight(
            self.pressed, self.wanted_s, tuple(len(h) for f in (self._v4, self._v6) for h in f.tight),
            (*self._v4.levels, *self._v6.levels),
        )  # fmt: skip

    def crowded(self, address: bytes, now: float) -> bool:
        """Whether one more from there would be above its share of what there is. Counts nothing."""
        if not self.pressed:
            return False
        address = fold(address)
        return (self._v4 if len(address) == 4 else self._v6).crowded(address, now)

    def take(self, address: bytes, now: float, *, crowded: bool) -> None:
        """Somebody from there was let in, or given a place in the line."""
        self._wanted.append(address)
        if crowded:
            self._crowded_now += 1
        elif self.pressed:
            address = fold(address)
            (self._v4 if len(address) == 4 else self._v6).spend(address, now)

    def leftover(self) -> bool:
        """Whether one who is crowded may have a place all the same, because the others leave it. If so, it counts."""
        if not self.pressed:
            return True
        if self._leftover < 1.0:
            return False
        self._leftover -= 1.0
        return True

    def near(self, addresses: list[bytes], now: float) -> Counts:
        """How many came lately from the same network (IPv4 /24, IPv6 /48), for each that is an address."""
        found = [
            family.came[1].look(keys >> np.uint64(family.prefixes[1].shift), now)
            for family, keys in zip((self._v4, self._v6), families(addresses), strict=True)
            if len(keys)
        ]
        return np.concatenate(found) if found else np.empty(0, np.float64)

    def heaviest(self, prefix: Prefix, now: float, n: int = 20) -> list[Heavy]:
        """Those from where most came lately, the most first."""
        family = self._v4 if prefix.of == 4 else self._v6
        return family.heavy[family.prefixes.index(prefix)].heaviest(now, n)

    def _press(self, now: float, means: Means) -> None:
        wanted_s = self.wanted_s
        if wanted_s * PRESSED_S > means.places or wanted_s > means.joins_s:
            self._enough_since = now
        self.pressed = now - self._enough_since < STILL_PRESSED_S

    def _share(self, now: float, means: Means, passed: float) -> None:
        if not self.pressed:
            self._v4.loosen()
            self._v6.loosen()
            self._shared_at = -math.inf
            self._leftover, self.left = 0.0, math.inf
            return
        self.left = max(0.0, means.places - self.fair_s * PRESSED_S)
        self._leftover = min(self.left, self._leftover + self.left / LEFTOVER_S * passed)
        if now - self._shared_at >= LEVEL_EVERY_S:
            self._shared_at = now
            fraction = min(means.places / PRESSED_S, means.joins_s) / max(self.wanted_s, 1e-9)
            self._v4.share(means, fraction, now)
            self._v6.share(means, fraction, now)

    def _sorted(self, addresses: list[bytes]) -> list[tuple[_Family, Keys, Ladder]]:
        """By family, if there are any of it."""
        pairs = zip((self._v4, self._v6), families(addresses), strict=True) if addresses else ()
        return [(family, keys, family.ladder(keys)) for family, keys in pairs if len(keys)]

    @staticmethod
    def _taken(pending: list[bytes]) -> list[bytes]:
        """What is pending, MAX_PENDING at most. The list stays the same one, as others hold its ``append``."""
        taken = pending[:MAX_PENDING]
        pending.clear()
        return taken


class _Rate:
    """So many a second, an average that forgets in RATE_S."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def observe(self, count: int, passed: float) -> None:
        keep = math.exp(-passed / RATE_S)
        self.value = keep * self.value + (1 - keep) * count / passed
