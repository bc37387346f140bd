"""What the sandbox's tests run in a child."""

import ctypes
import os
import sys
import time


def echo(data, options):
    return {"length": len(data), **options}, [data, data[::-1]]


def misbehave(data, options):
    word = data.decode().split()[0]
    if word == "crash":
        ctypes.string_at(0)
    if word == "exit":
        os._exit(3)
    if word == "hang":
        time.sleep(60)  # longer than any test waits: the parent is to end it
    if word == "hungry":
        return {}, [bytes(2**40)]
    if word == "write":
        try:
            with open(options["path"], "wb") as file:
                file.write(b"x" * 10)
        except OSError as error:
            return {"error": error.errno}, []
        return {"error": None}, []
    if word == "nonsense":
        os.write(int(options["fd"]), b"\xff" * 64)
        os._exit(0)
    if word == "print":
        print("a library that talks")
        sys.stdout.flush()
    if word == "environment":
        return {"names": sorted(os.environ)}, []
    return {"word": word}, []
