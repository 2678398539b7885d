# SPDX-License-Identifier: BSD-2-Clause
"""A shell on a terminal that tests can type on and look at: tmux, with a server of its own."""

import os
import pathlib
import subprocess

from lib import wait


class Terminal:
    """Use it as a context manager: leaving ends the server and all that runs in it.

    directory: where the server's socket goes
    size:      (columns, lines)
    env:       what the shell has in its environment beyond the test's
    """

    def __init__(self, directory, size=(80, 24), env=None):
        self.path = pathlib.Path(directory) / "tmux"
        self.size = size
        self.running = False
        self.env = {
            **{k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE", "NO_COLOR")},
            "LC_ALL": "C.UTF-8",
            "PS1": "% ",
            **(env or {}),
        }

    def __enter__(self):
        width, height = map(str, self.size)
        self.tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height,
            "bash", "--norc", "--noprofile",
        )
        self.running = True
        try:
            self.wait_for("%")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Takes the terminal away from whatever runs there."""
        if self.running:
            self.running = False
            self.tmux("kill-server")

    def tmux(self, *arguments):
        """Runs tmux; returns what it prints."""
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self.path), *arguments],
            capture_output=True,
            text=True,
            timeout=20 * wait.SLOWNESS,
            env=self.env,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keys(self, *keys):
        """Presses keys, as tmux names them: "q", "Down", "C-c", "Escape"."""
        self.tmux("send-keys", *keys)

    def run(self, command):
        """Types a command for the shell."""
        self.tmux("send-keys", "-l", command)
        self.keys("Enter")

    def screen(self, colours=False):
        """What is on the screen; with colours as escape sequences."""
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def lines(self):
        return self.screen().splitlines()

    def row(self, begin):
        """The words of the line that begins with this; [] where there is none."""
        return next((line.split() for line in self.lines() if line.strip().startswith(begin)), [])

    def look(self, name):
        """A format of tmux: "cursor_flag", "alternate_on", …"""
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def child(self):
        """The process that the shell runs in the foreground."""
        shell = self.look("pane_pid")
        children = pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[-1])

    def wait(self, condition, what, timeout=20):
        return wait.until(condition, timeout, lambda: f"{what}:\n{self.screen()}")

    def wait_for(self, text, timeout=20):
        """Waits until the screen has this text."""
        return self.wait(lambda: text in self.screen(), f"'{text}' on the screen", timeout)

    def wait_without(self, text, timeout=20):
        return self.wait(lambda: text not in self.screen(), f"no '{text}' on the screen", timeout)
