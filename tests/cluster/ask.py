#!/usr/bin/env python3
"""One request to skepd: ask.py SOCKET METHOD PATH [BODY [TYPE]]

Prints the status and the body of the answer.  A body of @N is a name of N
bytes to be registered.
"""
import http.client
import os
import socket
import sys


class Local(http.client.HTTPConnection):
    """A connection to a socket of this machine."""

    def __init__(self, path):
        super().__init__("skepd", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def main():
    path, method, target = sys.argv[1:4]
    body = os.fsencode(sys.argv[4]) if len(sys.argv) > 4 else None
    kind = sys.argv[5] if len(sys.argv) > 5 else "application/json"
    if body and body[:1] == b"@":
        body = b'{"name": "%s", "pid": 1}' % (b"n" * int(body[1:]))
    link = Local(path)
    link.request(method, target, body, {"Content-Type": kind} if body else {})
    answer = link.getresponse()
    print(answer.status)
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.read())


main()
