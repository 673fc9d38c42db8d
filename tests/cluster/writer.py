#!/usr/bin/env python3
"""A client that writes all the time, wherever the server is.

  writer.py LOG ENOUGH TEMPLATE COMMAND...

Each COMMAND is a shell command that reads requests, one a line, and answers
each with a number, such as redis-cli for one host.  Number after number is put
in place of %d in TEMPLATE and sent; one that is not answered is sent again,
to the next COMMAND.  LOG gets a line "NUMBER NANOSECONDS" for each that was
acknowledged.  It ends when the file ENOUGH is there or its parent is not, and
prints the longest time between two acknowledgements, in milliseconds, and the
number of them.
"""
import os
import select
import subprocess
import sys
import time

PATIENCE_S = 5  # for one answer; a frozen server is another host's turn
PAUSE_S = 0.001  # between two writes


def connect(command):
    return subprocess.Popen(command, shell=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT,
                            bufsize=0, process_group=0)


def disconnect(server):
    try:
        os.killpg(server.pid, 9)
    except ProcessLookupError:
        pass
    server.stdin.close()
    server.stdout.close()
    server.wait()


def ask(server, request):
    """Whether the request was answered with a number."""
    try:
        server.stdin.write(request.encode() + b"\n")
    except BrokenPipeError:
        return False
    answer = b""
    while not answer.endswith(b"\n"):
        if not select.select([server.stdout], [], [], PATIENCE_S)[0]:
            return False
        more = os.read(server.stdout.fileno(), 4096)
        if not more:
            return False
        answer += more
    return answer.strip().isdigit()


def main():
    log, enough, template = sys.argv[1:4]
    commands, parent = sys.argv[4:], os.getppid()
    number, turn, longest, last, server = 1, 0, 0, None, None
    with open(log, "w") as out:
        while not os.path.exists(enough) and os.getppid() == parent:
            if server is None:
                server = connect(commands[turn % len(commands)])
            if not ask(server, template % number):
                disconnect(server)
                server = None
                turn += 1
                continue
            now = time.monotonic_ns()
            print(number, now, file=out, flush=True)
            longest = max(longest, now - (last or now))
            last = now
            number += 1
            time.sleep(PAUSE_S)
    if server:
        disconnect(server)
    print(longest // 1000000, number - 1)


main()
