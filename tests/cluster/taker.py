#!/usr/bin/env python3
"""Takes numbers from every giver, as a user on one host would.

  taker.py SOCKET LOG ENOUGH NAME,NAME... HOST=ADDRESS...

Instance SERVICE@N answers at port N of the host that the skepd behind SOCKET
names; it is asked before each number.
LOG gets one line for each attempt that reached out for a number:

  got SERVICE SERIES NUMBER EPOCH HOST SENT RECEIVED
  unanswered SERVICE HOST SENT ENDED
  announced SERVICE SENT AGE

HOST is the one that says it gave the number, or the one that was asked; times
are microseconds.  An attempt that was refused cannot have taken a number, and
is not logged.  What is announced is how much would be lost if the service's
host died now: what is younger than AGE milliseconds.  It ends when the file ENOUGH is there or its parent is not.
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
        """The row of it that is ready, or None."""
        try:
            self.request("GET", "/v1/names/" + name)
            rows = json.load(self.getresponse())["instances"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self.close()
            return None
        for row in rows:
            if row.get("name") == name and row.get("state") == "ready":
                return row
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


def tell_announced(name, row, sent, log):
    age = (row.get("checkpoint") or {}).get("loss_ms")
    if age is not None:
        print("announced", name, sent, age, file=log)


def main():
    path, log_path, enough, names = sys.argv[1:5]
    hosts = dict(a.split("=") for a in sys.argv[5:])
    names, parent = names.split(","), os.getppid()
    lookup = Lookup(path)
    with open(log_path, "a", buffering=1) as log:
        while not os.path.exists(enough) and os.getppid() == parent:
            random.shuffle(names)
            for name in names:
                sent = now()
                row = lookup.where(name)
                if row:
                    tell_announced(name, row, sent, log)
                    host, port = row["node"], int(name.split("@")[1])
                    take(name, host, (hosts[host], port), log)
                time.sleep(PAUSE_S)


main()
