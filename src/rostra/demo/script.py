"""What the two voices say, and how each word sounds. Written for this purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One turn. ``pause_s`` is the silence before it; less than nothing begins while the other still speaks."""

    voice: str
    pause_s: float
    text: str


LOW, HIGH = "low", "high"

SCRIPT: tuple[Line, ...] = (
    Line(LOW, 0.4, "good evening, and welcome to rostra."),
    Line(HIGH, 0.45, "hello! it's good to be here."),
    Line(LOW, 0.35, "tell me, who is listening now?"),
    Line(HIGH, 0.5, "a few people. and soon, many more."),
    Line(LOW, 0.25, "how many more?"),
    Line(HIGH, 0.55, "a million, maybe. all in one minute."),
    Line(LOW, -0.1, "mm hm."),
    Line(LOW, 0.3, "and can they all hear us?"),
    Line(HIGH, 0.35, "yes, they can. about one second later."),
    Line(LOW, 0.5, "then we should say a good thing."),
    Line(HIGH, 0.6, "we are two voices, made of numbers."),
    Line(LOW, 0.3, "so, what do we do all night?"),
    Line(HIGH, 0.45, "we talk, we wait, and then we say it all again."),
    Line(LOW, 0.4, "it will be a long night."),
    Line(HIGH, -0.15, "mm hm. but it is a quiet one."),
    Line(LOW, 0.7, "one, two, three, four, five. can you hear me?"),
    Line(HIGH, 0.4, "i can hear you well. you are live, on air."),
    Line(LOW, 0.45, "good. then we begin again."),
)

TAIL_S = 1.2
"""Silence after the last turn, before it all begins again."""

LEXICON: dict[str, str] = {
    "a": "AX",
    "about": "AX B AW1 T",
    "again": "AX G EH1 N",
    "air": "EH1 R",
    "all": "AO1 L",
    "and": "AE N D",
    "are": "AA R",
    "be": "B IY",
    "begin": "B IH G IH1 N",
    "but": "B AH T",
    "can": "K AE N",
    "do": "D UW",
    "evening": "IY1 V N IH NG",
    "few": "F Y UW1",
    "five": "F AY1 V",
    "four": "F AO1 R",
    "good": "G UH1 D",
    "hear": "HH IH1 R",
    "here": "HH IH1 R",
    "hello": "HH AX L OW1",
    "hm": "HH M1",
    "how": "HH AW1",
    "i": "AY",
    "in": "IH N",
    "is": "IH Z",
    "it": "IH T",
    "it's": "IH T S",
    "later": "L EY1 T ER",
    "listening": "L IH1 S N IH NG",
    "live": "L AY1 V",
    "long": "L AO1 NG",
    "made": "M EY1 D",
    "many": "M EH1 N IY",
    "maybe": "M EY1 B IY",
    "me": "M IY",
    "million": "M IH1 L Y AX N",
    "minute": "M IH1 N IH T",
    "mm": "M",
    "more": "M AO1 R",
    "night": "N AY1 T",
    "now": "N AW1",
    "numbers": "N AH1 M B ER Z",
    "of": "AX V",
    "on": "AA N",
    "one": "W AH1 N",
    "people": "P IY1 P AX L",
    "quiet": "K W AY1 AX T",
    "rostra": "R AA1 S T R AX",
    "say": "S EY1",
    "second": "S EH1 K AX N D",
    "should": "SH UH D",
    "so": "S OW1",
    "soon": "S UW1 N",
    "talk": "T AO1 K",
    "tell": "T EH1 L",
    "then": "DH EH N",
    "they": "DH EY",
    "thing": "TH IH1 NG",
    "three": "TH R IY1",
    "to": "T AX",
    "two": "T UW1",
    "us": "AH1 S",
    "voices": "V OY1 S IH Z",
    "wait": "W EY1 T",
    "we": "W IY",
    "welcome": "W EH1 L K AX M",
    "well": "W EH1 L",
    "what": "W AH1 T",
    "who": "HH UW1",
    "will": "W IH L",
    "yes": "Y EH1 S",
    "you": "Y UW",
}
"""Words in ARPAbet; ``1`` marks the vowel that carries the accent."""
