"""A process beside the ranks of a machine: it says, once, why their job ends, which a rank that is gone cannot.

    python job_watch.py LISTENER LAUNCHER SIZE EXPECTED

The first rank that comes starts it, and each has a connection to it. It knows the others from the system, as children
of the launcher, so that one which never comes is missed; it lets all go on together, and is there until the last one's
work is done. What happened to a rank is said here alone: so who speaks depends on nobody's being early or late.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import types
from collections.abc import Mapping
from contextlib import suppress

if __name__ == "__main__":
    # The rest of minifcn stays away.
    for _name, _folder in ("minifcn.backend", os.path.dirname(__file__)), ("minifcn", ""):
        sys.modules[_name] = types.ModuleType(_name)
        sys.modules[_name].__path__ = [_folder]

from minifcn.backend.last_words import cut, how_it_ended, several, speak
from minifcn.backend.launchers import children, exit_code

LONGEST = 1 << 14  # bytes of a message between a rank and this process
_LOOK = 0.02  # seconds between two looks
_STARTING = 5.0  # seconds in which a launcher starts all processes of a machine
_TOLD_AFTER, _PATIENCE = 10.0, 300.0  # seconds until it is said who is waited for, and until nobody waits any more
_TOGETHER = 0.5  # seconds in which others may have the same to say
_ENDING = 6.0  # seconds that ranks have to end after the message
_SAME = "; all of them are to run the same command"


_EVENTS = select.EPOLLIN | select.EPOLLET if hasattr(select, "epoll") else 0  # each once, in the order of coming


class Seen:
    """A rank: its process, its command line, and what is known of its end."""

    def __init__(self, process: int, line: str = ""):
        self.process, self.line, self.descriptor = process, line, -1
        self.link: socket.socket | None = None
        self.ready = self.ended = self.left = False
        self.aside = ""  # what it did instead of its work
        self.signals: set[int] = set()
        self.problem: tuple[int, str] | None = None  # exit status, and why it cannot go on

    def code(self) -> int | None:
        return exit_code(self.process, self.descriptor)

    def has_done_well(self) -> bool:
        return self.left and not (self.code() or 0) & 127


class Watch:
    """Sees ranks come and go.

    Parameters
    ----------
    listener : socket
        Where they connect.
    launcher : int
        The process whose children they are, or 0 if that is not known.
    size, expected : int
        How many there are in all, and on this machine; 0 if that is not known.
    """

    def __init__(self, listener: socket.socket, launcher: int, size: int, expected: int):
        self.listener, self.launcher, self.size, self.expected = listener, launcher, size, expected
        self.ranks: dict[int, Seen] = {}
        self.links: dict[int, socket.socket] = {}  # by their descriptors
        self.met, self.over, self.waiting_told = False, False, False
        self.answer, self.path, self.advice = "", "", ""
        self.began, self.asked, self.went, self.said = time.monotonic(), 0.0, 0.0, 0.0
        self.events = select.epoll()
        self.going: list[int] = []  # ranks that close their files, or have ended
        listener.setblocking(False)
        self.events.register(listener, _EVENTS)

    def run(self) -> None:
        """Watch until all are gone, or have done their work."""
        while not self._is_done():
            looking = not self.met or self.answer or self.going or any(seen.problem for seen in self.ranks.values())
            ready = [descriptor for descriptor, _ in self.events.poll(_LOOK if looking else None)]
            if not self.met and self.launcher:
                self._look()
            of = {seen.descriptor: rank for rank, seen in self.ranks.items()}
            for descriptor in ready:
                if descriptor in self.links:
                    self._hear(self.links[descriptor])
                elif descriptor in of:
                    self._has_ended(of[descriptor])
            self._accept()
            self._decide()
        self._send(self.answer or "end 1 0")

    def _is_done(self) -> bool:
        if self.over:
            return True
        if not self.ranks:
            return time.monotonic() - self.began > _TOLD_AFTER
        complete = len(self.ranks) >= self.expected or time.monotonic() - self.began > _STARTING
        return complete and all(seen.ended and (seen.left or seen.aside or self.answer) for seen in self.ranks.values())

    def _look(self) -> None:
        for rank, (process, line) in children(self.launcher).items():
            if rank not in self.ranks:
                self.ranks[rank] = Seen(process, line)
                self._follow(rank)
            elif not self.ranks[rank].link:  # a script becomes what it starts
                self.ranks[rank].line = line or self.ranks[rank].line

    def _follow(self, rank: int) -> None:
        seen = self.ranks[rank]
        try:
            seen.descriptor = os.pidfd_open(seen.process)
        except OSError:
            self._has_ended(rank)
        else:
            self.events.register(seen.descriptor, _EVENTS)

    def _has_ended(self, rank: int) -> None:
        seen = self.ranks[rank]
        if seen.link and seen.link.fileno() in self.links:
            self._hear(seen.link)  # what it has said before
        seen.ended = True
        if rank not in self.going:
            self.going.append(rank)
        if seen.descriptor >= 0:
            self.events.unregister(seen.descriptor)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                link, _ = self.listener.accept()
                link.setblocking(False)
                self.links[link.fileno()] = link
                self.events.register(link, _EVENTS)
                self._hear(link)

    def _hear(self, link: socket.socket) -> None:
        try:
            while words := link.recv(LONGEST).decode(errors="replace"):
                if len(words) > 1:
                    self._take(link, *words.split(" ", 2))
                else:
                    self.ranks[self._rank_at(link)].signals.add(ord(words))
        except BlockingIOError:
            return
        except OSError:
            pass
        if self.links.pop(link.fileno(), None):  # kept open, as `seen.link`
            self.events.unregister(link)
        rank = self._rank_at(link)
        if rank >= 0 and rank not in self.going:  # a process that is killed closes its files, and ends later
            self.going.append(rank)

    def _rank_at(self, link: socket.socket) -> int:
        return next((rank for rank, seen in self.ranks.items() if seen.link is link), -1)

    def _take(self, link: socket.socket, word: str, number: str, rest: str) -> None:
        rank = int(number)
        if word == "here":
            seen = self.ranks.setdefault(rank, Seen(0))
            seen.link = link
            if seen.process != int(rest):  # the launcher's child is a script around it
                if seen.descriptor >= 0 and not seen.ended:
                    self.events.unregister(seen.descriptor)
                seen.process, seen.descriptor = int(rest), -1
                self._follow(rank)
            self._send(self.answer or ("go" if self.met else ""), link)
        elif word == "ready":
            self.ranks[rank].ready = True
        elif word == "problem":
            status, message = rest.split(" ", 1)
            self.ranks[rank].problem = int(status), message
            self.asked = self.asked or time.monotonic()
        elif word == "left":
            self.ranks[rank].left = True
        elif word == "aside":
            self.ranks[rank].aside = rest
        elif word == "over":
            self.over = True
        elif word == "saved":
            self.path, self.advice = rest.split("\n", 1)

    def _decide(self) -> None:
        now = time.monotonic()
        if self.answer or self.over:
            if self.said and now - self.said > _ENDING:
                self._end_all()
            return
        problems = {rank: seen.problem for rank, seen in sorted(self.ranks.items()) if seen.problem}
        gone = [rank for rank in self.going if not self.ranks[rank].problem and not self.ranks[rank].has_done_well()]
        if not any(seen.ready for seen in self.ranks.values()):  # perhaps all ranks do the same
            gone = [rank for rank in gone if not self.ranks[rank].aside]
        if problems:
            if gone or len(problems) >= max(len(self.ranks), self.expected) or now - self.asked > _TOGETHER:
                self._say_problem(problems)
        elif gone:
            self.went = self.went or now
            if self.ranks[gone[0]].ended or now - self.went > _TOGETHER:
                self._say_gone(gone[0])
        elif not self.met:
            self._wait(now - self.began)

    def _wait(self, waited: float) -> None:
        missing = sorted(rank for rank, seen in self.ranks.items() if not seen.ready)
        complete = len(self.ranks) >= self.expected
        if self.ranks and complete and not missing:
            self.met = True
            self._send("go")
        elif waited > _STARTING and not complete:
            self._say(f"{self._described(self._unseen())} has ended before the ranks met{_SAME}", 2)
        elif waited > _PATIENCE:
            self._say(f"{self._described(missing)} has not come for {_PATIENCE:.0f} seconds{_SAME}", 2)
        elif waited > _TOLD_AFTER and missing and not self.waiting_told:
            self.waiting_told = True
            speak(f"waiting for {self._described(missing)}")

    def _say_problem(self, problems: Mapping[int, tuple[int, str]]) -> None:
        status, message = next(iter(problems.values()))
        same = [
            rank
            for rank, seen in sorted(self.ranks.items())
            if seen.problem == (status, message) or status - 128 in seen.signals
        ]
        whole = len(same) == self.size
        who = "the job" if whole else f"{several(same)} of {self.size}"
        if status > 128:  # a signal
            self._say(f"{who} {'was' if whole or len(same) == 1 else 'were'} {message}", status)
        else:
            self._say(message if whole else f"{who}: {message}", status)

    def _say_gone(self, rank: int) -> None:
        if self.met and len(self.ranks) < self.size and len(self.going) == len(self.ranks):
            self.over = True  # one of another machine may have been first, and their launcher have ended all
            return None
        gone = self.ranks[rank]
        code = gone.code()
        killed = code is None or bool(code & 127)
        how = how_it_ended(signal.SIGKILL if self.met and code is None else code)
        if self.met:
            advice = f"; {self.advice}" if self.path and os.path.exists(self.path) else ""
            then = ", after its work was done" if gone.left else f", and the others end with it{advice}"
            return self._say(f"rank {rank} of {self.size} {how}{then}", 2)
        unseen = self._unseen() if killed and len(self.ranks) < self.expected else []  # the launcher ends all for one
        who = " or ".join(self._described([one]) for one in [rank, *unseen])
        if code and killed:
            return self._say(f"{who} {how}, before the ranks met, and the others end with it", 2)
        how = f"{gone.aside}, and has ended" if gone.aside else how
        return self._say(f"{who} {how} before the ranks met{_SAME}", 2)

    def _unseen(self) -> list[int]:
        return sorted({*range(self.size)} - {*self.ranks}) if self.expected == self.size else []

    def _described(self, ranks: list[int]) -> str:
        lines = {rank: seen.line for rank, seen in self.ranks.items()}
        names = (f"rank {n} of {self.size}{f' ({cut(lines[n])})' if lines.get(n) else ''}" for n in ranks)
        return ", ".join(names) or f"a rank of {self.size}"

    def _say(self, message: str, status: int) -> None:
        """Say it; all ranks that are here or come later hear that it is over, and whether others wait elsewhere."""
        speak(message)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nothing more is said, and the launcher need not wait
        self.said = time.monotonic()
        elsewhere = not self.met and max(self.expected, len(self.ranks)) < self.size
        self.answer = f"end {status} {elsewhere:d}"
        self._send(self.answer)

    def _send(self, words: str, link: socket.socket | None = None) -> None:
        for one in [link] if link else [seen.link for seen in self.ranks.values() if seen.link]:
            with suppress(OSError):
                if words:
                    one.send(words.encode())

    def _end_all(self) -> None:
        """End those that have not ended by themselves, nor by their launcher; a stranger is asked to."""
        for seen in self.ranks.values():
            if not seen.ended:
                with suppress(OSError):
                    signal.pidfd_send_signal(seen.descriptor, signal.SIGKILL if seen.link else signal.SIGTERM)
        self.said = 0.0


if __name__ == "__main__":
    with suppress(PermissionError):
        os.nice(-10)  # to be there before the launcher has ended the others too
    descriptor, launcher, size, expected = map(int, sys.argv[1:])
    Watch(socket.socket(fileno=descriptor), launcher, size, expected).run()
    os._exit(0)  # the launcher waits for it
