# SPDX-License-Identifier: BSD-2-Clause
"""No error, difference, record or log line has the value of a secret, whatever is wrong with the
configuration that it stands in."""

import pytest

from lib import config, wait
from lib.crier import ctl, run

SECRET = "hunter2-8f3a61c0d2"
OTHER = "correct-horse-battery"


def in_group(properties):
    return f'groups: ( {{ name = "g"; topics = [ "t" ]; properties = {properties}; }} );\n'


def listed(*properties):
    return in_group("[ %s ]" % ", ".join(f'"{text}"' for text in properties))


MISTAKES = {
    "twice": listed(f"sasl.password={SECRET}", f"sasl.password={SECRET}"),
    "twice-with-another": listed(f"sasl.password={SECRET}", f"sasl.password={OTHER}"),
    "no-assignment": listed(f"sasl.password {SECRET}"),
    "colon": listed(f"sasl.password:{SECRET}"),
    "no-name": listed(f"={SECRET}"),
    "alone": listed("sasl.password=x", SECRET),
    "blank-in-front": listed(f"sasl.password= {SECRET}"),
    "blank-before-name": listed(f" sasl.password={SECRET}"),
    "blank-behind-name": listed(f"sasl.password ={SECRET}"),
    "misspelt": listed(f"sasl.passwort={SECRET}"),
    "upper-case": listed(f"SASL.PASSWORD={SECRET}", f"SASL.PASSWORD={SECRET}"),
    "escape-in-name": listed(f"\\x1b[2Jpassword={SECRET}"),
    "not-a-list": in_group(f'"sasl.password={SECRET}"'),
    "list-of-lists": in_group(f'( [ "sasl.password={SECRET}" ] )'),
    "group": in_group(f'{{ sasl_password = "{SECRET}"; }}'),
    "unknown-key": f'cluster: {{ sasl_password = "{SECRET}"; }};\n',
    "unknown-section": f'secrets: {{ password = "{SECRET}"; }};\n',
    "in-the-address": f'cluster: {{ bootstrap = "ada:{SECRET}@broker:9092"; }};\n',
    "not-closed": listed(f"sasl.password={SECRET}")[:-6],
    "no-semicolon": f'cluster: {{ properties = [ "sasl.password={SECRET}" ] rate = }};\n',
    "pem": listed("security.protocol=ssl", f"ssl.key.pem={SECRET}"),
    "unknown-mechanism": listed("security.protocol=sasl_ssl", "sasl.mechanisms=NONE",
                                f"sasl.password={SECRET}"),
    "not-one-of-few": listed(f"sasl.oauthbearer.method={SECRET}"),
}
GOOD = config.text(config.build(topics=[config.topic("t")]))


@pytest.mark.quick
@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_error_shows_a_secret(place, mistake):
    (place / "crierd.conf").write_text(MISTAKES[mistake])
    result = run(f"--config={place}/crierd.conf", "--check-config")
    said = result.stdout + result.stderr
    assert result.returncode == 78 and f"{place}/crierd.conf" in said, said
    assert SECRET not in said and OTHER not in said and "\x1b" not in said, said


def test_no_reload_and_no_record_shows_a_secret(start, journal):
    crier = start(GOOD, journal=journal, arguments=["--verbose"])
    said = []

    def reload(text):
        crier.config_path.write_text(text)
        done = ctl("--json", "reload", socket_path=crier.socket_path)
        said.append(done.stdout + done.stderr)
        return done.returncode

    for text in MISTAKES.values():
        assert reload(text) == 78
    for secret in (SECRET, OTHER):
        text = listed(f"sasl.password={secret}", f"sasl.oauthbearer.config={secret}")
        assert reload(GOOD + text) == 0
    assert "(secret)" in said[-1]
    said.append(ctl("--json", "status", socket_path=crier.socket_path).stdout)
    said += [repr(record) for record in journal.records()]
    for text in said:
        assert SECRET not in text and OTHER not in text, text


def test_what_librdkafka_quotes_of_a_secret_is_not_shown(start, journal):
    """It says where it has stopped to read sasl.oauthbearer.config."""
    properties = [
        "security.protocol=sasl_plaintext",
        "sasl.mechanisms=OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt=true",
        f"sasl.oauthbearer.config=principal=ada {SECRET}={OTHER}",
    ]
    cluster = {"bootstrap": "127.0.0.1:1", "properties": properties}
    start({"cluster": cluster}, journal=journal, arguments=["--verbose"])
    told = wait.until(
        lambda: [r.text("MESSAGE") for r in journal.records() if "(secret)" in r.text("MESSAGE")],
        20,
        lambda: [r.text("MESSAGE") for r in journal.records()],
    )
    assert told
    for record in journal.records():
        assert SECRET not in repr(record) and OTHER not in repr(record)
