#!/usr/bin/env python3
"""A service that answers, and a client that counts how long nobody did.

  answer.py serve PORT                  says "up" when it can answer
  answer.py ask PORT UNTIL ADDRESS...   asks all addresses every millisecond
                                        until the file UNTIL is there; says
                                        "begun" at the first answer, and at the
                                        end the longest time in ms that it was
                                        without one, of whomever
"""
import os
import socket
import sys
import time


def serve(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    print("up", flush=True)
    while True:
        question, asker = s.recvfrom(16)
        s.sendto(question, asker)


def ask(port, until, addresses):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.001)
    last, longest, looked = None, 0.0, 0.0
    while True:
        now = time.monotonic()
        if now - looked > 0.01:
            looked = now
            if last and os.path.exists(until):
                break
        for address in addresses:
            try:
                s.sendto(b"?", (address, port))
            except OSError:
                pass
        try:
            s.recv(16)
        except OSError:
            continue
        # Of two copies both answer; what waits would hide a silence.
        try:
            while s.recv(16, socket.MSG_DONTWAIT):
                pass
        except OSError:
            pass
        now = time.monotonic()
        if not last:
            print("begun", flush=True)
        longest = max(longest, now - (last or now))
        last = now
    longest = max(longest, now - last)
    print("%.3f" % (longest * 1000))


port = int(sys.argv[2])
if sys.argv[1] == "serve":
    serve(port)
else:
    ask(port, sys.argv[3], sys.argv[4:])
