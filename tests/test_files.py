"""Files are whole or not there, whoever else writes; a run holds its folder, and a dead one holds nothing."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading

import pytest

from minifcn.files import LOCK, FolderInUse, atomic_write, lock_folder, remove_leftovers

HOLD = """
import sys, time
from minifcn.files import {name}
with {name}(sys.argv[1]) as held:
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder():
    """Start processes that hold a folder, or write a file, until they are killed."""
    started = []

    def start(name, path):
        process = subprocess.Popen([sys.executable, "-c", HOLD.format(name=name), path], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as first:
        first.write(b"one" * 99)
        with atomic_write(path) as second:
            second.write(b"two")
        assert path.read_bytes() == b"two"
    assert path.read_bytes() == b"one" * 99
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("there", ["file", "link"])
def test_a_temporary_file_is_never_one_that_was_there(tmp_path, monkeypatch, there):
    """Whoever guesses its name finds neither his file written to nor his link followed."""
    names = iter(["guessed", "private"])
    monkeypatch.setattr("secrets.token_hex", lambda length: next(names))
    victim, trap = tmp_path / "victim", tmp_path / ".minifcn-guessed.tmp"
    victim.write_bytes(b"precious")
    trap.symlink_to(victim) if there == "link" else trap.write_bytes(b"precious")
    with pytest.raises(FileExistsError), atomic_write(tmp_path / "file") as file:
        file.write(b"content")
    assert victim.read_bytes() == trap.read_bytes() == b"precious"


def test_a_signal_between_making_and_opening_leaves_nothing(tmp_path, monkeypatch):
    opened = os.open

    def interrupted(*arguments):
        os.close(opened(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr("os.open", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "file"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_link_is_replaced_and_not_followed(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write(b"content")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"precious", b"content", False)


def test_the_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "file"):
        pass
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "file")}
    assert len(modes) == 1


@pytest.mark.parametrize("name", ["/dev/null", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=f"choose another name: '{name}'"), atomic_write(name):
        pass
    assert not os.path.isfile(name)


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="file") as caught, atomic_write(path) as file:
            file.write(bytes(10**6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"before", ["file"])


@pytest.mark.parametrize("name", ["missing/a", "file/a"])
def test_a_folder_that_is_none_names_the_file_and_not_the_temporary_one(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="directory") as error, atomic_write(tmp_path / name):
        pass
    assert error.value.filename == str(tmp_path / name)


def test_a_name_as_long_as_a_file_system_takes_can_be_written(tmp_path):
    path = tmp_path / ("x" * 255)
    with atomic_write(path) as file:
        file.write(b"content")
    assert path.read_bytes() == b"content"


def test_leftovers_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path, holder):
    dead, living = (holder("atomic_write", tmp_path / name) for name in ("dead", "living"))
    dead.kill()
    dead.wait()
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert len(os.listdir(tmp_path)) == 1
    living.kill()
    living.wait()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_leftovers_that_are_links_or_pipes_are_let_be(tmp_path):
    victim = tmp_path / "victim"
    victim.touch()
    (tmp_path / ".minifcn-link.tmp").symlink_to(victim)
    (tmp_path / ".minifcn-folder.tmp").mkdir()
    remove_leftovers(tmp_path)
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_is_held_by_one_process_until_it_dies(tmp_path, holder):
    first = holder("lock_folder", tmp_path)
    with pytest.raises(FolderInUse, match="another run is at work there"), lock_folder(tmp_path):
        pass
    first.kill()
    first.wait()
    with lock_folder(tmp_path):
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


def test_a_folder_by_another_name_is_the_same_folder(tmp_path, holder):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    holder("lock_folder", tmp_path / "folder")
    with pytest.raises(FolderInUse), lock_folder(tmp_path / "link"):
        pass


def test_a_thread_may_enter_its_folder_again_and_another_may_not(tmp_path):
    refused = []

    def enter():
        try:
            with lock_folder(tmp_path):
                pass
        except FolderInUse as error:
            refused.append(error)

    with lock_folder(tmp_path):
        with lock_folder(tmp_path):
            pass
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(refused) == 1
    enter()
    assert len(refused) == 1


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path, monkeypatch):
    """Its last holder removes the file; who locked it in that moment must not believe to be alone."""
    import minifcn.files

    lock, removed = minifcn.files._lock, []

    def removing(descriptor):
        if not removed:
            removed.append(os.unlink(tmp_path / LOCK))
        return lock(descriptor)

    monkeypatch.setattr(minifcn.files, "_lock", removing)
    with lock_folder(tmp_path):
        assert os.listdir(tmp_path) == [LOCK]


def test_a_file_system_without_locks_lets_everybody_in(tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    (tmp_path / ".minifcn-somebodys.tmp").touch()
    with lock_folder(tmp_path), atomic_write(tmp_path / "file") as file:
        file.write(b"content")
        remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".minifcn-somebodys.tmp", "file"]
