"""Registers names of a process all the time, and takes them back later.

	churn.py SOCKET PREFIX PID RATE SECONDS KEEP

Each fifth of a second a request of RATE / 5 new names goes out, which also takes
back those of KEEP requests ago; who cannot keep pace sends the next one as soon
as the last is answered.  Prints "SECONDS REGISTERED REFUSED SLOWEST_MS".
"""
import http.client
import json
import socket
import sys
import time

PER_S = 5


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("skepd", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def names(prefix, request, count):
    return ['"name":"%s%d/%d"' % (prefix, request, i) for i in range(count)]


def ask(conn, lines):
    """Sends lines; how many were refused."""
    conn.request("POST", "/v1/names", "\n".join(lines).encode(),
                 {"Content-Type": "application/x-ndjson"})
    answers = conn.getresponse().read()
    if answers.count(b"\n") != len(lines):
        raise SystemExit("%d answers to %d lines"
                         % (answers.count(b"\n"), len(lines)))
    refused = answers.count(b'"error"')
    if refused:
        at = answers.index(b'"error"')
        print(answers[max(0, at - 100):at + 200], file=sys.stderr)
    return refused


def main():
    path, prefix, pid, rate, seconds, keep = sys.argv[1:]
    count, seconds, keep = int(rate) // PER_S, int(seconds), int(keep)
    conn = Unix(path)
    done = refused = 0
    slowest = 0.0
    requests = 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        due = began + requests / PER_S
        time.sleep(max(0.0, due - time.monotonic()))
        lines = ['{%s,"pid":%s}' % (n, pid)
                 for n in names(prefix, requests, count)]
        if requests >= keep:
            lines += ['{%s,"op":"unregister"}' % n
                      for n in names(prefix, requests - keep, count)]
        since = time.monotonic()
        refused += ask(conn, lines)
        slowest = max(slowest, time.monotonic() - since)
        requests += 1
        done += count
    took = time.monotonic() - began
    for request in range(max(0, requests - keep), requests):
        refused += ask(conn, ['{%s,"op":"unregister"}' % n
                              for n in names(prefix, request, count)])
    print("%.1f %d %d %.0f" % (took, done, refused, slowest * 1000))


main()
