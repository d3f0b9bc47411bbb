# SPDX-License-Identifier: Apache-2.0
"""As much of the CRI (Kubernetes runtime.v1) as the tests need: gRPC with messages encoded by hand.

A message is a list of (field number, value): int and bool are varints, str and bytes are strings,
a list is a message. Answers are read the other way round, as {field number: [values]}.
"""

import grpc

SOCKET = "unix:///run/containerd/containerd.sock"


def varint(number):
    out = b""
    number &= (1 << 64) - 1
    while True:
        byte = number & 0x7F
        number >>= 7
        out += bytes([byte | (0x80 if number else 0)])
        if not number:
            return out


def encode(message):
    out = b""
    for field, value in message:
        if isinstance(value, (bool, int)):
            out += varint(field << 3) + varint(int(value))
            continue
        data = encode(value) if isinstance(value, list) else \
            value.encode() if isinstance(value, str) else value
        out += varint(field << 3 | 2) + varint(len(data)) + data
    return out


def decode(data):
    found, at = {}, 0

    def number():
        nonlocal at
        result = shift = 0
        while True:
            byte = data[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return result
    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            size = number()
            value = data[at:at + size]
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def mapping(field, items):
    return [(field, [(1, key), (2, value)]) for key, value in items.items()]


class Runtime:
    def __init__(self):
        self.channel = grpc.insecure_channel(SOCKET)

    def call(self, method, *message, timeout=60):
        """The answer, decoded one level deep; grpc.RpcError on failure."""
        unary = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}",
                                         request_serializer=encode, response_deserializer=decode)
        return unary(list(message), timeout=timeout)
