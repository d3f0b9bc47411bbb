# SPDX-License-Identifier: Apache-2.0
"""A seccomp agent: the other end of linux.seccomp.listenerPath (seccomp_unotify(2)).

It accepts connections, takes from each one container process state with its descriptor, and answers
the calls that come through it, all in threads.
"""

import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading

from harness import TIMEOUT, Box, wait_until

# struct seccomp_notif and seccomp_notif_resp of linux/seccomp.h
CALL = struct.Struct("=QIIiIQ6Q")
ANSWER = struct.Struct("=QqiI")
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1 << 0


def proceed(call):
    """The call happens as if nobody had asked."""
    del call
    return {"flags": CONTINUE}


def listen(path, backlog=8):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


class Connection:
    """What one connection brought: the bytes of each recvmsg(2), and with which the descriptor came."""

    def __init__(self):
        self.text, self.fds, self.came_with = b"", [], []
        self.closed = False

    def read(self, sock, first=1 << 20):
        while True:
            size = first if not self.came_with else 1 << 20
            data, control, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(16 * 4),
                                               socket.MSG_CMSG_CLOEXEC)
            if not data:
                break
            numbers = array.array("i")
            for level, kind, content in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                numbers.frombytes(content)
            self.text += data
            self.fds += numbers
            self.came_with.append(len(numbers))
        self.closed = True

    @property
    def state(self):
        return json.loads(self.text, object_hook=Box)


class Agent:
    """ANSWER is asked about each call and says how to answer: error, value, flags; None: not at all."""

    def __init__(self, path, answer=proceed):
        self.path, self.answer = path, answer
        self.listener = listen(path)
        self.connections, self.calls, self.failures = [], [], []
        self.threads = []
        self.stopping = threading.Event()
        self.begin(self.accept)

    def begin(self, function, *args):
        def body():
            try:
                function(*args)
            except Exception as e:  # the test must hear of it
                self.failures.append(e)
        thread = threading.Thread(target=body, daemon=True)
        self.threads.append(thread)
        thread.start()

    def wait(self, sock):
        """False when the agent is to end."""
        while not self.stopping.is_set():
            if select.select([sock], [], [], 0.02)[0]:
                return True
        return False

    def accept(self):
        while self.wait(self.listener):
            sock, _ = self.listener.accept()
            connection = Connection()
            with sock:
                sock.settimeout(TIMEOUT)
                connection.read(sock)
            self.connections.append(connection)
            for fd in connection.fds:
                self.begin(self.serve, fd)

    def serve(self, fd):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        try:
            while not self.stopping.is_set():
                events = poll.poll(20)
                if events and events[0][1] & select.POLLHUP:
                    return
                if events:
                    self.serve_one(fd)
        finally:
            os.close(fd)

    def serve_one(self, fd):
        buffer = bytearray(CALL.size)
        try:
            fcntl.ioctl(fd, RECEIVE, buffer)
        except OSError as e:
            if e.errno != errno.ENOENT:  # the caller was killed meanwhile
                raise
            return
        key, pid, _, number, _, _, *args = CALL.unpack(buffer)
        call = Box(pid=pid, nr=number, args=args)
        self.calls.append(call)
        answer = self.answer(call)
        if answer is None:
            return
        try:
            fcntl.ioctl(fd, SEND, ANSWER.pack(key, answer.get("value", 0),
                                              -answer.get("error", 0), answer.get("flags", 0)))
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise

    def numbers(self):
        return [c.nr for c in self.calls]

    @property
    def only(self):
        """The one connection that there was."""
        wait_until(lambda: self.connections or self.failures, "a connection to the agent")
        assert not self.failures, self.failures
        assert len(self.connections) == 1
        return self.connections[0]

    def close(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(TIMEOUT)
        self.listener.close()
        self.path.unlink(missing_ok=True)
        assert not self.failures, self.failures
