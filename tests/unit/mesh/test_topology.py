"""The streams' file, what overrides it, and what is refused."""

from pathlib import Path

import pytest

from mesh.bus.envelope import PREFIX_DEAD, PREFIX_EARLY, PREFIX_EVENTS, STREAM_DEAD, STREAM_EARLY, STREAM_EVENTS
from mesh.bus.options import ConsumerOptions
from mesh.bus.topology import BUNDLED, load_topology
from mesh.config import ConfigError


def test_the_bundled_file_has_the_streams_that_the_code_names() -> None:
    streams = load_topology({}).streams
    assert {stream.name: stream.subjects for stream in streams.values()} == {
        STREAM_EVENTS: (f"{PREFIX_EVENTS}.>",),
        STREAM_EARLY: (f"{PREFIX_EARLY}.>",),
        STREAM_DEAD: (f"{PREFIX_DEAD}.>",),
    }
    assert (streams["early"].storage, streams["early"].max_age_s) == ("memory", 300)
    assert streams["events"].storage == "file"


def test_the_file_s_default_policy_is_the_code_s() -> None:
    assert load_topology({}).consumer_options(None) == ConsumerOptions()
    assert load_topology({}).consumer_options("anything") == ConsumerOptions()


def test_the_deployment_s_file_is_the_bundled_one() -> None:
    linked = Path(__file__).parents[3] / "deploy" / "nats" / "streams.toml"
    assert linked.read_bytes() == BUNDLED.read_bytes()


def test_the_environment_overrides_a_stream_or_all() -> None:
    streams = load_topology(
        {
            "VOICEMESH_STREAM_REPLICAS": "3",
            "VOICEMESH_STREAM_EARLY_REPLICAS": "1",
            "VOICEMESH_STREAM_EVENTS_MAX_AGE_S": "3600",
            "VOICEMESH_STREAM_EVENTS_DUPLICATE_WINDOW_S": "30.5",
            "VOICEMESH_STREAM_DEAD_MAX_BYTES": "1000000",
            "VOICEMESH_STREAM_MAX_AGE_S": "1",  # only replicas are for all
        }
    ).streams
    assert [streams[name].replicas for name in ("events", "early", "dead")] == [3, 1, 3]
    assert (streams["events"].max_age_s, streams["events"].duplicate_window_s) == (3600, 30.5)
    assert (streams["dead"].max_bytes, streams["dead"].max_age_s) == (1_000_000, 2_419_200)


def test_a_consumer_s_own_table_adds_to_the_default(tmp_path: Path) -> None:
    own = tmp_path / "streams.toml"
    own.write_text(
        BUNDLED.read_text().replace("max_attempts = 8", "max_attempts = 9") + "\n[consumers.fraud]\nack_wait_s = 2\n"
    )
    topology = load_topology({"VOICEMESH_STREAMS_FILE": str(own)})
    assert topology.consumer_options("fraud") == ConsumerOptions(max_attempts=9, ack_wait_s=2)
    assert topology.consumer_options("other") == ConsumerOptions(max_attempts=9)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"VOICEMESH_STREAM_EVENTS_REPLICAS": "many"}, "VOICEMESH_STREAM_EVENTS_REPLICAS: .*integer"),
        ({"VOICEMESH_STREAM_REPLICAS": "9"}, "VOICEMESH_STREAM_REPLICAS: .*less than or equal to 5"),
        ({"VOICEMESH_STREAM_EARLY_STORAGE": "tape"}, "VOICEMESH_STREAM_EARLY_STORAGE: .*'file' or 'memory'"),
        ({"VOICEMESH_STREAM_EARLY_MAX_AGE_S": "30"}, "longer than max_age_s"),
        ({"VOICEMESH_STREAMS_FILE": "nowhere.toml"}, r"VOICEMESH_STREAMS_FILE: nowhere\.toml cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_topology(environment)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("streams = 3", "streams"),
        ("[streams.events]\nname = 'X'\nsurprise = 1", r"streams\.events\.surprise"),
        ("consumers = 1\n", "consumers"),
        ("[consumers.fraud]\nmax_atempts = 2", r"\[consumers\.fraud\] has max_atempts"),
        ("[consumers.fraud]\nmax_attempts = 0", "max_attempts must be more than 0"),
        ("[consumers.fraud]\nmax_attempts = 'many'", r"consumers\.fraud\.max_attempts"),
        ("[", "as TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        load_topology({"VOICEMESH_STREAMS_FILE": str(own)})
