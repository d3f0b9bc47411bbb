# SPDX-License-Identifier: Apache-2.0
"""A bus with a systemd behind it, as far as the runtime can tell: it makes a scope's cgroup and moves
the process there. What it does otherwise than a real one, a test sets: `bus.answers`."""

import os
import pathlib
import re
import socket
import struct
import threading

from harness import CGROUP

SYSTEMD = ":1.1"
MANAGER = "org.freedesktop.systemd1.Manager"
OBJECT = "/org/freedesktop/systemd1"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
FIELDS = {"path": (1, "o"), "interface": (2, "s"), "member": (3, "s"), "error": (4, "s"),
          "reply": (5, "u"), "sender": (7, "s"), "signature": (8, "g")}


def pad(data, to):
    return data + b"\0" * (-len(data) % to)


def put(data, kind, value):
    """One simple value behind DATA."""
    if kind == "g":
        return data + bytes([len(value)]) + value.encode() + b"\0"
    data = pad(data, 4)
    if kind == "u":
        return data + struct.pack("<I", value)
    return data + struct.pack("<I", len(value.encode())) + value.encode() + b"\0"


def message(kind, serial, signature="", values=(), **fields):
    body = b""
    for letter, value in zip(signature, values):
        body = put(body, letter, value)
    if signature == "v":
        body = put(put(b"", "g", "s"), "s", values[0])
    if signature:
        fields["signature"] = signature
    array = b""
    for name, value in fields.items():
        code, letter = FIELDS[name]
        array = put(pad(array, 8) + bytes([code, 1]) + letter.encode() + b"\0", letter, value)
    return pad(struct.pack("<4BIII", ord("l"), kind, 0, 1, len(body), serial, len(array)) + array,
               8) + body


def strings(data):
    """The words of a message, in their order; enough to find a name."""
    return [s.decode() for s in re.findall(rb"[\x20-\x7e]{2,}(?=\0)", data)]


class Bus:
    """answers: member -> function(bus, client, serial, data), in place of what the real one does."""

    def __init__(self, path, login=b"DATA\r\nOK 0123456789abcdef\r\n", **answers):
        self.path, self.login, self.answers = path, login, answers
        self.calls, self.units, self.jobs, self.serial = [], {}, 0, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"unix:path={self.path}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                try:
                    self.talk(client)
                except (OSError, EOFError):
                    pass

    @staticmethod
    def read(client, size):
        data = b""
        while len(data) < size:
            more = client.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def talk(self, client):
        words = b""
        while not words.endswith(b"BEGIN\r\n"):
            words += self.read(client, 1)
            if self.login and words.endswith(b"DATA\r\n"):
                client.sendall(self.login)
        while True:
            head = self.read(client, 16)
            body, serial, array = struct.unpack("<III", head[4:])
            rest = self.read(client, -(-array // 8) * 8 + body)
            fields = strings(rest[:array])
            member = next(w for w in ("Hello", "AddMatch", "StartTransientUnit", "StopUnit", "Get",
                                      "ResetFailedUnit", "SetUnitProperties", "Ping",
                                      "AttachProcessesToUnit") if w in fields)
            self.calls.append(member)
            answer = self.answers.get(member) or getattr(Bus, f"do_{member}", None)
            if answer:
                answer(self, client, serial, rest)

    # --- what a real one does ---

    def send(self, client, kind, *args, **fields):
        self.serial += 1
        client.sendall(message(kind, self.serial, *args, **fields))

    def reply(self, client, serial, *args, sender=SYSTEMD):
        self.send(client, RETURN, *args, reply=serial, sender=sender)

    def fail(self, client, serial, name, text):
        self.send(client, ERROR, "s", [text], reply=serial, error=name, sender=SYSTEMD)

    def removed(self, client, job, unit, result="done", sender=SYSTEMD, path=OBJECT):
        self.send(client, SIGNAL, "uoss", [1, job, unit, result], path=path, interface=MANAGER,
                  member="JobRemoved", sender=sender)

    def new_job(self):
        self.jobs += 1
        return f"{OBJECT}/job/{self.jobs}"

    def make(self, data):
        """The scope of a StartTransientUnit: its name, with its process in its cgroup."""
        words = strings(data)
        unit = next(w for w in words if w.endswith(".scope"))
        slice_ = words[words.index("Slice") + 1 + (words[words.index("Slice") + 1] == "s")]
        self.units[unit] = next(w for w in words if w.startswith("cruntime container"))
        at = data.index(b"PIDs\0\2au\0") + 9
        at += -at % 4 + 4
        pid = struct.unpack("<I", data[at:at + 4])[0]
        group = CGROUP / slice_ / unit
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.procs").write_text(str(pid))
        return unit

    def do_Hello(self, client, serial, _):
        self.reply(client, serial, "s", [":1.9"], sender="org.freedesktop.DBus")

    def do_Ping(self, client, serial, _):
        self.reply(client, serial)

    def do_StartTransientUnit(self, client, serial, data):
        job, unit = self.new_job(), self.make(data)
        self.reply(client, serial, "o", [job])
        self.removed(client, job, unit)

    def do_Get(self, client, serial, data):
        object_ = next(w for w in strings(data) if "/unit/" in w).rsplit("/", 1)[1]
        name = re.sub("_([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), object_)
        self.reply(client, serial, "v", [self.units.get(name, name)])

    def do_StopUnit(self, client, serial, data):
        unit = next(w for w in strings(data) if w.endswith(".scope"))
        job = self.new_job()
        self.reply(client, serial, "o", [job])
        self.removed(client, job, unit)
        self.units.pop(unit, None)

    def do_ResetFailedUnit(self, client, serial, data):
        unit = next(w for w in strings(data) if w.endswith(".scope"))
        if unit in self.units:
            self.reply(client, serial)
        else:
            self.fail(client, serial, "org.freedesktop.systemd1.NoSuchUnit", "no such unit")

    def do_SetUnitProperties(self, client, serial, _):
        self.reply(client, serial)


def remove_slice(name="tests.slice"):
    """What a real systemd would have done: its scopes are empty by now."""
    top = CGROUP / name
    for base, _, _ in os.walk(top, topdown=False):
        pathlib.Path(base).rmdir()
