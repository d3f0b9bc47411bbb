# SPDX-License-Identifier: Apache-2.0
"""Terminals as the tests see them: sizes, modes, and a window in which `run` is a job."""

import fcntl
import os
import pathlib
import pty
import select
import struct
import termios

import harness
from harness import parse, read_terminal


def get_size(fd):
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return rows, columns


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def is_cooked(fd):
    flags = termios.tcgetattr(fd)[3]
    return flags & termios.ICANON and flags & termios.ECHO and flags & termios.ISIG


def lines(text):
    """What the probe printed, also behind keys that were echoed."""
    return [parse(line) for line in text.splitlines() if line.startswith("{")]


def process_state(pid):
    """The letter of the process's state in stat."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def write_all(fd, data, reader):
    """Writes without ever blocking for long; what comes back meanwhile goes to the list."""
    while data:
        ready, writable, _ = select.select([fd], [fd], [], harness.TIMEOUT)
        assert ready or writable, "the terminal takes nothing more"
        if ready:
            reader.append(os.read(fd, 65536))
        if writable:
            data = data[os.write(fd, data[:512]):]


class Emulator:
    """A terminal window in which `run` is the foreground job of its own session."""

    def __init__(self, bundle, *options, size=(24, 80), words=()):
        self.master, self.slave = pty.openpty()
        set_size(self.master, *size)
        self.before = termios.tcgetattr(self.slave)
        bundle.write_config()
        self.process = bundle.popen(*self.command(bundle, options), *words,
                                    stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                    start_new_session=True, preexec_fn=self.take_terminal)

    def command(self, bundle, options):
        return ["run", *options, "-b", bundle.dir, bundle.id]

    @staticmethod
    def take_terminal():
        harness.default_signals()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def type(self, data):
        os.write(self.master, data)

    def until(self, text):
        return read_terminal(self.master, until=text)

    def wait(self):
        """Everything that came to the window until the runtime ended, and its exit code."""
        chunks = []
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.05)[0]:
                chunks.append(os.read(self.master, 65536))
        while select.select([self.master], [], [], 0)[0]:
            chunks.append(os.read(self.master, 65536))
        return b"".join(chunks).decode(errors="replace"), self.process.returncode

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        for name in ("master", "slave"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
            setattr(self, name, -1)
