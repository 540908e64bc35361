from __future__ import annotations

from pathlib import Path

import pytest

from rostra.errors import ConfigError
from rostra.rehearsal.arrivals import Curve
from rostra.rehearsal.scenario import (
    LIBRARY,
    AttackFile,
    AttackPlan,
    CrowdPlan,
    Kind,
    library,
    make,
    read_attack,
    read_crowd,
)


def test_the_library_is_readable_and_has_every_kind() -> None:
    files = [read_attack(name) for name in library()]
    assert {plan.kind for file in files for plan in file.attack} == set(Kind)
    assert all(file.words.strip() for file in files)
    crowd = read_crowd(LIBRARY / "crowd-as-they-are.toml", {"listeners": 7})
    assert crowd.listeners == 7
    assert crowd.curve is Curve.SPIKE


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[crowd]\nlisteners = 0\n", "greater than or equal to 1"),
        ("[crowd]\nlistners = 5\n", "listners is not known here. Known are: listeners"),
        ("[crowd]\nnetworks = { dsl = 0.5 }\n", "networks.dsl is not a kind of network: wire, lte"),
        ("[crowd]\nnetworks = { lte = 0.7, edge = 0.7 }\n", "more than all listeners"),
        ("[crowd]\nreload = 0.7\nbackground = 0.7\n", "more than all listeners"),
        ("[crowd]\nover_s = nan\n", "over_s"),
        ("[crowd]\ncurve = 'wobble'\n", "curve"),
        ("crowd = 7\n", "crowd is a table"),
        ("[crowds]\n", "crowds is nothing of a crowd"),
        ("[crowd\n", "is not TOML"),
        ("\xff\xfe", "is not TOML"),
    ],
)
def test_nonsense_in_a_crowds_file_is_a_sentence(tmp_path: Path, toml: str, said: str) -> None:
    path = tmp_path / "crowd.toml"
    path.write_bytes(toml.encode("latin-1"))
    with pytest.raises(ConfigError) as e:
        read_crowd(path)
    assert said in str(e.value)
    assert str(path) in str(e.value)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("name = 'x'\n", "attack"),
        ("name = 'x'\nattack = []\n", "attack"),
        ("name = 'x'\n[[attack]]\nkind = 'ping of death'\n", "attack.0.kind"),
        ("name = 'x'\n[[attack]]\nkind = 'requests'\nfor_s = -1\n", "attack.0.for_s"),
        ("name = 'x'\n[[attack]]\nkind = 'requests'\nconnections = 1e30\n", "attack.0.connections"),
        ("name = 'x'\nweight = 0\n[[attack]]\nkind = 'requests'\n", "weight"),
    ],
)
def test_nonsense_in_an_attacks_file_is_a_sentence(tmp_path: Path, toml: str, said: str) -> None:
    path = tmp_path / "attack.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError, match=said):
        read_attack(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of: bots-few"):
        read_attack("no-such-attack")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_crowd(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="options: listeners"):
        make(CrowdPlan, {"listeners": 0}, "options")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 300_000)
    with pytest.raises(ConfigError, match="larger than"):
        read_attack(str(large))


NONSENSE = ("nan", "[[]]", "{ a = -1 }", "1979-05-27", '"\\u0000"')


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("field", CrowdPlan.model_fields)
def test_nonsense_in_any_field_of_a_crowd_names_the_field(tmp_path: Path, field: str, value: str) -> None:
    path = tmp_path / "crowd.toml"
    path.write_text(f"[crowd]\n{field} = {value}\n")
    with pytest.raises(ConfigError, match=f"crowd.toml: {field}") as e:
        read_crowd(path)
    assert str(e.value).endswith(".")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("field", [*AttackFile.model_fields, *AttackPlan.model_fields])
def test_nonsense_in_any_field_of_an_attack_names_the_field(tmp_path: Path, field: str, value: str) -> None:
    if field in ("name", "words") and value.startswith('"'):
        return  # any text is good for those
    path = tmp_path / "attack.toml"
    attack = "" if field == "kind" else 'kind = "requests"\n'
    if field in AttackFile.model_fields:
        rest = "" if field == "attack" else f"[[attack]]\n{attack}"
        name = "" if field == "name" else 'name = "x"\n'
        path.write_text(f"{name}{field} = {value}\n{rest}")
    else:
        path.write_text(f'name = "x"\n[[attack]]\n{attack}{field} = {value}\n')
    with pytest.raises(ConfigError, match=rf"attack.toml: (attack\.0\.)?{field}") as e:
        read_attack(str(path))
    assert str(e.value).endswith(".")


def test_what_was_written_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "crowd.toml"
    path.write_text("[crowd]\nhls = 7\n")
    with pytest.raises(ConfigError, match=r"hls input should be less than or equal to 1\. It is 7\."):
        read_crowd(path)
