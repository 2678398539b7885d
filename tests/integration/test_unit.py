# SPDX-License-Identifier: BSD-2-Clause
"""The service's unit file: what it keeps crierd from, and what it must not keep it from."""

import pathlib
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.quick

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCE = TOP / "packaging/crierd.service.in"


@pytest.fixture
def unit(tmp_path):
    """The unit as it is installed; the programs in it are one that exists."""
    path = tmp_path / "crierd.service"
    text = SOURCE.read_text()
    assert "ExecStart=@sbindir@/crierd\n" in text
    assert "ExecReload=@bindir@/crierctl reload\n" in text
    for program in ("@sbindir@/crierd", "@bindir@/crierctl"):
        text = text.replace(program, shutil.which("true"))
    path.write_text(text)
    return path


def settings():
    """The unit's assignments: name → list of values."""
    found = {}
    for line in SOURCE.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True,
                          text=True)


def test_unit_file_has_no_mistakes(unit):
    verified = analyze("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_exposure_is_at_most_1_3(unit):
    report = analyze("security", "--offline=true", "--threshold=13", str(unit))
    assert "Overall exposure level" in report.stdout, report.stderr
    assert report.returncode == 0, report.stdout


def test_remote_brokers_and_peer_credentials_are_not_cut_off():
    found = settings()
    for name in ("IPAddressDeny", "IPAddressAllow", "PrivateNetwork", "PrivateUsers",
                 "SocketBindDeny"):
        assert name not in found
    families = found["RestrictAddressFamilies"][-1].split()
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= set(families)


def test_rate_limit_is_off_for_old_systemd_too():
    """systemd 252 takes LogRateLimitIntervalSec=0 for "not set"."""
    assert settings()["LogRateLimitIntervalSec"] == ["1us"]


def test_wrong_configuration_is_not_tried_again():
    found = settings()
    assert found["Restart"] == ["on-failure"]
    assert "78" in found["RestartPreventExitStatus"][0].split()
