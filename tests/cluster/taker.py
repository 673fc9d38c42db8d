#!/usr/bin/env python3
"""Takes numbers from every giver, as a user on one host would.

  taker.py SOCKET LOG ENOUGH SERVICE FIRST LAST HOST=ADDRESS...

Instance N of SERVICE (FIRST to LAST) answers at port N of the host that the
skepd behind SOCKET names; it is asked before each number.
LOG gets one line for each attempt that reached out for a number:

  got SERVICE SERIES NUMBER EPOCH HOST SENT RECEIVED
  unanswered SERVICE HOST SENT ENDED

HOST is the one that says it gave the number, or the one that was asked; times
are microseconds.  An attempt that was refused cannot have taken a number, and
is not logged.  It ends when the file ENOUGH is there or its parent is not.
"""
import http.client
import json
import os
import random
import socket
import sys
import time

PATIENCE_S = 1.0  # for a number, and for a lookup
PAUSE_S = 0.06  # between two attempts


class Lookup(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def where(self, name):
        """The host that runs it, or None."""
        try:
            self.request("GET", "/v1/names/" + name)
            rows = json.load(self.getresponse())["instances"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self.close()
            return None
        for row in rows:
            if row.get("name") == name and row.get("state") == "ready":
                return row.get("node")
        return None


def now():
    return time.time_ns() // 1000


def answer_of(address):
    """The line that came; "" when it was refused; None when nobody knows."""
    try:
        with socket.create_connection(address, PATIENCE_S) as s:
            line = b""
            while not line.endswith(b"\n"):
                more = s.recv(256)
                if not more:
                    return None
                line += more
            return line.decode()
    except ConnectionRefusedError:
        return ""
    except OSError:
        return None


def take(name, host, address, log):
    sent = now()
    line = answer_of(address)
    if line is None:
        print("unanswered", name, host, sent, now(), file=log)
    elif line:
        series, number, epoch, giver, giver_name = line.split()
        assert giver_name == name, line
        print("got", name, series, number, epoch, giver, sent, now(),
              file=log)


def main():
    path, log_path, enough, service, first, last = sys.argv[1:7]
    hosts = dict(a.split("=") for a in sys.argv[7:])
    numbers = list(range(int(first), int(last) + 1))
    parent = os.getppid()
    lookup = Lookup(path)
    with open(log_path, "a", buffering=1) as log:
        while not os.path.exists(enough) and os.getppid() == parent:
            random.shuffle(numbers)
            for n in numbers:
                name = f"{service}@{n}"
                host = lookup.where(name)
                if host in hosts:
                    take(name, host, (hosts[host], n), log)
                time.sleep(PAUSE_S)


main()
