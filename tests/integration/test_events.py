# SPDX-License-Identifier: BSD-2-Clause
"""Events arrive in the journal as they are: null, empty, binary and large values, keys, headers,
and a MESSAGE that is fit to be shown."""

import os
import time

import pytest

from lib import clients, config, journald, wait
from lib.crier import Crier

MAX_MESSAGE = 4096


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A daemon with a group on an empty topic: send(key, value, headers) puts an event there and
    returns its entry."""
    with journald.FakeJournal(tmp_path_factory.mktemp("odd") / "journal") as journal:
        setup = config.build(
            topics=[config.topic("odd", 1)],
            groups=[
                config.group("odd", "odd", start="earliest"),
                config.group("terse", "odd", start="earliest", message="%{group} %{offset}"),
            ],
        )
        with Crier(setup, journal) as crier:
            crier.wait_stable()

            def send(key, value, headers=None, group="odd", timestamp=None):
                offset = clients.ends(crier.bootstrap, "odd")[0]
                clients.produce(crier.bootstrap, "odd", [(key, value, headers, 0, timestamp)])
                return wait.until(
                    lambda: next(
                        (e for e in journal.events(group) if e.number("KAFKA_OFFSET") == offset),
                        None,
                    ),
                    30,
                    lambda: f"offset {offset} in group {group}: {crier.status()}",
                )

            yield send
        assert not journal.errors, journal.errors


@pytest.mark.xdist_group("odd")
def test_plain_event_has_its_fields_and_the_labs_line(odd):
    before = time.time() * 1000
    entry = odd(b"Ada", b"hello")
    assert entry.text("MESSAGE") == "Consumer 0: hello (key: Ada)"
    assert entry.first("KAFKA_KEY") == b"Ada"
    assert "KAFKA_VALUE" not in entry
    assert entry.text("KAFKA_TOPIC") == "odd"
    assert entry.text("KAFKA_GROUP") == "odd"
    assert entry.number("KAFKA_PARTITION") == 0
    assert entry.number("CRIER_CONSUMER") == 0
    assert entry.text("PRIORITY") == "6"
    assert entry.text("SYSLOG_IDENTIFIER") == "crierd"
    assert before - 1000 <= entry.number("KAFKA_TIMESTAMP") <= time.time() * 1000 + 1000
    assert all(len(values) == 1 for values in entry.values())


@pytest.mark.xdist_group("odd")
@pytest.mark.parametrize("timestamp", [-2, -(10**15), 1, 10**15])
def test_timestamp_is_whatever_number_the_producer_gave(odd, timestamp):
    assert odd(b"k", b"v", timestamp=timestamp).number("KAFKA_TIMESTAMP") == timestamp


@pytest.mark.xdist_group("odd")
def test_no_timestamp_has_no_field(odd):
    """-1, in Kafka's protocol."""
    assert "KAFKA_TIMESTAMP" not in odd(b"k", b"v", timestamp=-1)


@pytest.mark.xdist_group("odd")
def test_offsets_count_up(odd):
    first = odd(None, b"one").number("KAFKA_OFFSET")
    assert odd(None, b"two").number("KAFKA_OFFSET") == first + 1


@pytest.mark.xdist_group("odd")
def test_null_value_has_no_value_field_and_reads_none(odd):
    entry = odd(b"k", None)
    assert "KAFKA_VALUE" not in entry
    assert entry.text("MESSAGE") == "Consumer 0: None (key: k)"


@pytest.mark.xdist_group("odd")
def test_the_text_none_is_told_from_a_null_value(odd):
    entry = odd(b"k", b"None")
    assert entry.first("KAFKA_VALUE") == b"None"
    assert entry.text("MESSAGE") == "Consumer 0: None (key: k)"


@pytest.mark.xdist_group("odd")
def test_empty_value_has_an_empty_value_field(odd):
    assert odd(b"k", b"").first("KAFKA_VALUE") == b""


@pytest.mark.xdist_group("odd")
def test_null_key_has_no_key_field_and_reads_none(odd):
    entry = odd(None, b"v")
    assert "KAFKA_KEY" not in entry
    assert entry.text("MESSAGE") == "Consumer 0: v (key: None)"


@pytest.mark.xdist_group("odd")
def test_empty_key_has_an_empty_key_field(odd):
    entry = odd(b"", b"v")
    assert entry.first("KAFKA_KEY") == b""
    assert entry.text("MESSAGE") == "Consumer 0: v (key: )"


@pytest.mark.xdist_group("odd")
def test_binary_value_arrives_whole_and_message_is_fit_to_be_shown(odd):
    value = bytes(range(256)) + b"\n\0\n"
    entry = odd(None, value)
    assert entry.first("KAFKA_VALUE") == value
    message = entry.text("MESSAGE")
    assert message.isprintable(), message
    assert "\\x00" in message and "\\n" in message


@pytest.mark.xdist_group("odd")
def test_binary_key_arrives_whole(odd):
    key = b"\xff\0\n=key"
    assert odd(key, b"v").first("KAFKA_KEY") == key


@pytest.mark.xdist_group("odd")
@pytest.mark.parametrize(
    "value",
    [
        b"bell\x07",
        b"escape \x1b[31mred",
        b"two\nlines",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"c1 \xc2\x85",
    ],
    ids=["bell", "escape", "newline", "bad-utf8", "surrogate", "c1"],
)
def test_what_would_disturb_a_terminal_is_escaped_and_kept(odd, value):
    entry = odd(None, value)
    assert entry.text("MESSAGE").isprintable()
    assert entry.first("KAFKA_VALUE") == value


@pytest.mark.xdist_group("odd")
def test_text_beyond_ascii_stays_in_message(odd):
    entry = odd(None, "Grüße, 世界 – 🙂".encode())
    assert entry.text("MESSAGE") == "Consumer 0: Grüße, 世界 – 🙂 (key: None)"
    assert "KAFKA_VALUE" not in entry


@pytest.mark.xdist_group("odd")
def test_long_message_is_cut_at_a_character_and_the_value_is_kept(odd):
    value = ("ü" * 5000).encode()
    entry = odd(None, value)
    assert len(entry.first("MESSAGE")) <= MAX_MESSAGE
    assert entry.text("MESSAGE").endswith("…")
    assert entry.first("KAFKA_VALUE") == value


@pytest.mark.xdist_group("odd")
def test_value_of_a_mebibyte_arrives_whole(odd):
    value = os.urandom(1024 * 1024)
    entry = odd(b"large", value)
    assert entry.first("KAFKA_VALUE") == value


@pytest.mark.xdist_group("odd")
def test_headers_have_a_field_each_with_their_bytes(odd):
    headers = [("source", b"lab"), ("source", b"again"), ("bin", b"\0\n\xff"), ("no", None)]
    entry = odd(None, b"v", headers)
    values = entry["KAFKA_HEADER"]
    assert values == [b"source=lab", b"source=again", b"bin=\0\n\xff", b"no"]


@pytest.mark.xdist_group("odd")
def test_message_template_without_the_value_keeps_it_in_its_field(odd):
    entry = odd(b"k", b"kept", group="terse")
    assert entry.text("MESSAGE") == f"terse {entry.number('KAFKA_OFFSET')}"
    assert entry.first("KAFKA_VALUE") == b"kept"


def test_start_latest_sees_only_what_comes_later_and_earliest_sees_all(start, journal):
    host = start(config.build(topics=[config.topic("t", 1)]), journal)
    clients.produce(host.bootstrap, "t", [(None, b"old %d" % i) for i in range(5)])
    late = start(
        config.build(
            bootstrap=host.bootstrap,
            groups=[
                config.group("late", "t", start="latest"),
                config.group("early", "t", start="earliest"),
            ],
        ),
        journal,
    )
    late.wait_stable(owners=1)
    journal.wait_events(5, group="early")
    clients.produce(host.bootstrap, "t", [(None, b"new")])
    assert journal.wait_events(1, group="late")[0].number("KAFKA_OFFSET") == 5
    journal.wait_events(6, group="early")
    assert len(journal.events(group="late")) == 1


def test_group_with_log_off_counts_and_writes_nothing(start, journal):
    crier = start(
        config.build(
            topics=[config.topic("t", 1)],
            producers=[config.producer("p", "t", rate=50.0, count=20)],
            groups=[
                config.group("quiet", "t", start="earliest", log=False),
                config.group("loud", "t", start="earliest"),
            ],
        ),
        journal,
    )
    journal.wait_events(20, group="loud", timeout=40)
    wait.until(lambda: crier.group("quiet")["received"] == 20, 40, lambda: crier.group("quiet"))
    assert not journal.events(group="quiet")
