#!/usr/bin/env python3
"""Judges what the accountant's test wrote down.

  judge.py FILE...

The files hold lines of four sources, in any order; times are microseconds of
one clock:

  got NAME SERIES NUMBER EPOCH HOST SENT RECEIVED     a client has this number
  unanswered NAME HOST SENT ENDED                     it may have been given
  start NAME EPOCH HOST SERIES NUMBER TIME            a copy began after NUMBER
  kept NAME EPOCH HOST SERIES NUMBER TIME             it left a checkpoint
  announced NAME SENT AGE                             what is younger than AGE
                                                      (ms) would be lost
  event TIME WORD...                                  what was done to the hosts

A series begins with 1 when a copy starts without a state, and goes on as long
as the state does.  Of the events these excuse something:

  died HOST NAME...   it lost its power, and these ran there or had their only
                      state there, so their states are gone
  killed HOST NAME    this program was killed, and had its state in memory
  parted HOST         a declared partition: HOST alone on one side
  joined HOST         its end; both sides have GRACE_S to find one copy
  cut HOST HOST       the link between the two is; all others hear both
  healed HOST HOST    its end; a declared partition of these two
  powered HOST        the end of what "died" began
  down HOST BY        host BY says that HOST is dead
  up HOST BY          and that it is not
  end                 nothing is broken any more: every service must give

A host that lives and is taken for dead, because its skepd was silent for longer
than the failure timeout, is a partition that skep declared itself: it is
counted and told, and excuses what a partition does.  Where it was announced
what would be lost, no more than that is, if no other host is in trouble
meanwhile.  Nothing else may ever happen: no number is given twice, none is
lost, no older copy gives after a newer one that lives, none is skipped unless
somebody asked for it in vain.  Prints the figures, and each violation; exits 1 when there is one.
"""
import bisect
import collections
import sys

GRACE_S = 30
BEFORE_S = 5  # a host may be taken for dead before that is written down
YOUNG_S = 10  # what was announced longer ago says nothing of a loss
WITH_HOLDER = "with what held them"
LATE_S = 15  # so long a connection may wait for a program that stands still
FOREVER = float("inf")

Got = collections.namedtuple(
    "Got", "name series number epoch host sent received")
Unanswered = collections.namedtuple("Unanswered", "name host sent ended")
Announced = collections.namedtuple("Announced", "name sent age")
Start = collections.namedtuple("Start", "name epoch host series number time")
Loss = collections.namedtuple("Loss", "time host names")
Partition = collections.namedtuple("Partition", "host begin end")
Cut = collections.namedtuple("Cut", "hosts begin end")


def make(kind, words):
    return kind(*(int(w) if w.isdigit() else w for w in words))


class Log:
    """All that was written down, by service and in the order of time."""

    def __init__(self, files):
        self.gots = collections.defaultdict(list)
        self.unanswered = collections.defaultdict(list)
        self.starts = collections.defaultdict(list)
        self.kept = collections.defaultdict(list)
        self.announced = collections.defaultdict(list)
        self.losses, self.partitions = [], []
        self.parted, self.end = {}, None
        self.cuts, self.open_cuts = [], {}
        self.dead, self.words = collections.defaultdict(list), []
        for file in files:
            with open(file) as lines:
                for line in lines:
                    self.read(line.split(), f"{file}: {line.strip()}")
        for hosts, begin in self.open_cuts.items():
            self.cuts.append(Cut(list(hosts), begin, FOREVER))
        for host, begin in self.parted.items():
            self.partitions.append(Partition(host, begin, FOREVER))
        self.declared = self.find_declared()
        for of_name in self.gots.values():
            of_name.sort(key=lambda g: g.received)
        for of_name in self.unanswered.values():
            of_name.sort(key=lambda u: u.ended)
        for of_name in self.announced.values():
            of_name.sort(key=lambda a: a.sent)
        for of_name in [*self.starts.values(), *self.kept.values()]:
            of_name.sort(key=lambda s: s.time)

    def read(self, words, where):
        try:
            kind, rest = words[0], words[1:]
            if kind == "got":
                self.gots[rest[0]].append(make(Got, rest))
            elif kind == "unanswered":
                self.unanswered[rest[0]].append(make(Unanswered, rest))
            elif kind == "start":
                self.starts[rest[0]].append(make(Start, rest))
            elif kind == "kept":
                self.kept[rest[0]].append(make(Start, rest))
            elif kind == "announced":
                self.announced[rest[0]].append(make(Announced, rest))
            elif kind == "event":
                self.read_event(int(rest[0]), rest[1], rest[2:])
            else:
                raise ValueError("what is this?")
        except (IndexError, TypeError, ValueError) as e:
            sys.exit(f"judge: {where}: {e}")

    def read_event(self, time, word, rest):
        if word in ("died", "killed"):
            self.losses.append(Loss(time, rest[0], frozenset(rest[1:])))
            if word == "died":
                self.dead[rest[0]].append([time, FOREVER])
        elif word == "powered" and self.dead[rest[0]]:
            self.dead[rest[0]][-1][1] = time
        elif word in ("down", "up"):
            self.words.append((time, word, rest[0], rest[1]))
        elif word == "parted":
            self.parted[rest[0]] = time
        elif word == "joined":
            self.partitions.append(Partition(rest[0],
                                             self.parted.pop(rest[0]),
                                             time + GRACE_S * 1000000))
        elif word == "cut":
            self.open_cuts[frozenset(rest)] = time
        elif word == "healed":
            self.cuts.append(Cut(rest, self.open_cuts.pop(frozenset(rest)),
                                 time + GRACE_S * 1000000))
        elif word == "end":
            self.end = time

    def is_known(self, time, host, by):
        """Whether it is dead, or one of the two is parted, or was just now."""
        grace = (GRACE_S - BEFORE_S) * 1000000
        return any(a <= time <= b for a, b in self.dead[host]) or \
            any(p.begin <= time <= p.end - grace for p in self.partitions
                if p.host in (host, by))

    def find_declared(self):
        """The hosts that live and are taken for dead, each until who says so
        takes it back."""
        found, since = [], {}
        for time, word, host, by in sorted(self.words):
            if word == "down" and not self.is_known(time, host, by):
                since.setdefault((host, by), time)
            elif word == "up" and (host, by) in since:
                found.append((host, since.pop((host, by)), time))
        found += [(host, t, FOREVER) for (host, _), t in since.items()]
        return [Partition(host, begin - BEFORE_S * 1000000,
                          end + GRACE_S * 1000000)
                for host, begin, end in found]


class Judge:
    def __init__(self, log):
        self.log = log
        self.violations, self.excused = [], []
        self.bounded = 0

    def complain(self, rule, *what):
        self.violations.append(rule + ": " + "; ".join(str(w) for w in what))

    def is_parted(self, name, time):
        return self.is_split(self.log.partitions, name, time) or \
            self.is_split(self.log.declared, name, time) or \
            self.is_cut(name, time)

    def is_split(self, partitions, name, time):
        """Whether there may be a copy on either side of one of them."""
        for p in partitions:
            if p.begin <= time <= p.end and \
                    self.has_copy(name, p.host, p.begin, p.end):
                return True
        return False

    def is_cut(self, name, time):
        """Whether there may be a copy at either end of a link that is cut."""
        return any(c.begin <= time <= c.end and
                   all(self.has_copy(name, h, c.begin, c.end)
                       for h in c.hosts)
                   for c in self.log.cuts)

    def has_copy(self, name, host, begin, end):
        last = None
        for s in self.log.starts[name]:
            if begin < s.time <= end and s.host == host:
                return True
            if s.time <= begin:
                last = s
        return last is not None and last.host == host

    def is_lost(self, name, begin, end):
        return any(name in x.names and begin <= x.time <= end
                   for x in self.log.losses)

    def start_of(self, got):
        """When the copy began that gave it."""
        times = [s.time for s in self.log.starts[got.name]
                 if s.epoch == got.epoch and s.host == got.host and
                 s.time <= got.received]
        if not times:
            self.complain("no start", got)
            return got.sent
        return times[-1]

    def judge_starts(self, name):
        """Each copy goes on from the last number that was given."""
        gots = self.log.gots[name]
        times = [g.received for g in gots]
        for s in self.log.starts[name]:
            before = bisect.bisect_left(times, s.time)
            if before == 0:
                continue
            last = gots[before - 1]
            if s.series == last.series and s.number >= last.number:
                continue
            why = self.excuse(name, last, s)
            if why:
                self.excused.append((last, s, why))
                if why == WITH_HOLDER:
                    self.judge_loss(name, last, s)
            else:
                self.complain("lost", last, s)

    def excuse(self, name, last, start):
        if self.is_lost(name, self.start_of(last), start.time):
            return WITH_HOLDER
        if self.is_split(self.log.partitions, name, start.time):
            return "in a partition"
        if self.is_split(self.log.declared, name, start.time):
            return "with a host that lived and was taken for dead"
        if self.is_cut(name, start.time):
            return "where a link was cut"
        return None

    def is_calm(self, host, begin, end):
        """Whether what was announced then was still so: no other host went
        since, or so shortly before that nobody knew, and all could hear."""
        log = self.log
        known = begin - BEFORE_S * 1000000
        grace = (GRACE_S - BEFORE_S) * 1000000
        return not any(known <= a <= end
                       for h, spans in log.dead.items() if h != host
                       for a, _ in spans) and \
            not any(p.begin <= end and p.end - grace >= begin
                    for p in log.partitions + log.declared + log.cuts)

    def judge_loss(self, name, last, start):
        """No more is lost than was announced before its host died."""
        loss = [x for x in self.log.losses if name in x.names and
                x.time <= start.time][-1]
        said = [a for a in self.log.announced[name]
                if loss.time - YOUNG_S * 1000000 <= a.sent <= loss.time]
        if not said or not self.is_calm(loss.host, said[-1].sent, start.time):
            return
        sealed = said[-1].sent - said[-1].age * 1000
        held = [k for k in self.log.kept[name] if k.time <= sealed and
                k.series == last.series]
        self.bounded += 1
        if held and (start.series != held[-1].series or
                     start.number < held[-1].number):
            self.complain("lost more than announced", said[-1], held[-1],
                          last, start)

    def rollback_between(self, a, b):
        return any(a.series == s.series and s.number < a.number and
                   a.sent <= s.time <= b.received
                   for _, s, _ in self.excused if s.name == a.name)

    def judge_doubles(self, name):
        """No number is given twice; but what one side of a partition gave, the
        other may reach later."""
        first = {}
        for g in self.log.gots[name]:
            twin = first.setdefault((g.series, g.number), g)
            if twin is not g and not self.is_parted(name, g.received) and \
                    not self.is_parted(name, twin.received) and \
                    not self.rollback_between(twin, g):
                self.complain("given twice", twin, g)

    def has_died(self, got, until):
        """Whether the copy that gave it went with its host by then."""
        return any(got.received <= begin <= until
                   for begin, _ in self.log.dead[got.host])

    def judge_copies(self, name):
        """An older copy gives nothing once a newer one has, while that lives:
        where a newer one went with its host, an older may be what is left, and
        epochs may begin below those of a host that was forgotten."""
        gots = self.log.gots[name]
        newest, times = [], []
        for g in gots:
            if not newest or g.epoch > newest[-1].epoch:
                newest.append(g)
                times.append(g.received)
        for g in gots:
            newer = [n for n in newest[:bisect.bisect_left(times, g.sent)]
                     if n.epoch > g.epoch and not self.has_died(n, g.sent)]
            if newer and not self.is_parted(name, g.received):
                self.complain("two copies", newer[-1], g)
        hosts = {}
        for g in gots:
            other = hosts.setdefault(g.epoch, g)
            if other.host != g.host and \
                    not self.is_parted(name, g.received):
                self.complain("two hosts of one epoch", other, g)

    def judge_gaps(self, name):
        """A number that nobody got was asked for in vain."""
        series = collections.defaultdict(dict)
        for g in self.log.gots[name]:
            series[g.series][g.number] = g
        left = list(self.log.unanswered[name])
        for numbers in series.values():
            lower = None
            for number in sorted(numbers):
                upper = numbers[number]
                since = lower.sent if lower else 0
                for missing in range(lower.number + 1 if lower else 1,
                                     number):
                    self.explain(name, missing, since, upper, left)
                lower = upper

    def explain(self, name, missing, since, upper, left):
        for u in left:
            if u.sent <= upper.received and \
                    u.ended + LATE_S * 1000000 >= since:
                left.remove(u)
                return
        self.complain("skipped", name, missing, "before", upper)

    def judge_end(self):
        """Everything gives in the end, and something was there to judge."""
        if self.log.end is None or not self.log.starts:
            self.complain("no end", "nothing was written down")
        for name in self.log.starts:
            gots = self.log.gots[name]
            if not gots or gots[-1].received < (self.log.end or 0):
                self.complain("silent in the end", name)

    def judge(self):
        names = set(self.log.starts) | set(self.log.gots)
        for name in sorted(names):
            self.judge_starts(name)
            self.judge_doubles(name)
            self.judge_copies(name)
            self.judge_gaps(name)
        self.judge_end()

    def tell(self):
        log = self.log
        taken = len({(p.host, p.begin // 10000000) for p in log.declared})
        print(f"{sum(map(len, log.gots.values()))} numbers of "
              f"{len(log.starts)} services by "
              f"{sum(map(len, log.starts.values()))} copies, "
              f"{sum(map(len, log.unanswered.values()))} asked for in vain")
        print(f"{taken} times a host that lived was taken for dead")
        why = collections.Counter(why for _, _, why in self.excused)
        for reason in sorted(why):
            print(f"{why[reason]} states gone {reason}")
        print(f"{self.bounded} of them had been announced")
        for v in self.violations[:40]:
            print(v)
        print(f"{len(self.violations)} violations")


def main():
    judge = Judge(Log(sys.argv[1:]))
    judge.judge()
    judge.tell()
    sys.exit(1 if judge.violations else 0)


main()
