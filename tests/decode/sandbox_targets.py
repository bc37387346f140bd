"""What the sandbox's tests run in a child."""

import ctypes
import os
import socket
import sys
import time


def echo():
    return lambda data, options: ({"length": len(data), **options}, [data, data[::-1]])


def cannot_start():
    raise RuntimeError("no such model")


def dies_at_once():
    os._exit(7)


def never_ready():
    time.sleep(60)  # longer than any test waits: the parent is to end it


def deaf():
    """A child that is ready and never reads again."""

    def function(data, options):
        time.sleep(60)

    return function


def misbehaving():
    return misbehave


def attempt(what):
    try:
        what()
    except OSError as error:
        return {"error": error.errno}, []
    return {"error": None}, []


def misbehave(data, options):
    word = data.decode().split()[0]
    if word == "crash":
        ctypes.string_at(0)
    if word == "exit":
        os._exit(3)
    if word == "hang":
        time.sleep(60)  # as above
    if word == "bug":
        return {}["no such key"]
    if word == "hungry":
        return {}, [bytes(2**40)]
    if word == "open":
        return attempt(lambda: os.open(options["path"], os.O_RDONLY))
    if word == "connect":
        return attempt(socket.socket)
    if word == "nonsense":
        os.write(int(options["fd"]), bytes.fromhex(options["hex"]))
        os._exit(0)
    if word == "odd":
        return {"rejected": "because"}, []
    if word == "print":
        sys.stdout.write("a library that talks")
        sys.stdout.flush()
    if word == "environment":
        return {"names": sorted(os.environ), "arguments": sys.argv, "path": sys.path}, []
    if word == "pid":
        return {"pid": os.getpid()}, []
    return {"word": word}, []
