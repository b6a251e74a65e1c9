#!/usr/bin/env python3
"""A whole adapter in another language: any engine that is a command line.

It drives the `keel` command, if that is on PATH; for another engine change the four lines under
"the engine". What is here is all there is to it: requests are lines of JSON on stdin, replies lines
of JSON on stdout. README.md beside this folder explains the protocol; the test
tests/own.rs of the root holds this file to it. A row in targets.toml makes `bench` use it:

    [[adapter]]
    id = "mine"
    title = "my engine, as a command"
    program = "runtimes/adapter-kit/examples/bring-your-own.py"
    default = false
    targets = ["keel-command"]
"""

import json
import os
import shutil
import subprocess
import sys

# The engine: its target's name, its program, how that is asked for its version, and how it runs a
# module with the working directory granted for reading.
TARGET = "keel-command"
PROGRAM = "keel"
VERSION = ["--version"]
RUN, GRANT = ["run"], ["--dir", ".::.::ro"]

# bench itself starts the process and holds the clock; copying the module first (fresh) it does, too.
STEPS = ["process", "deploy"]


class Refused(Exception):
    """What was asked cannot be done; the adapter lives on."""

    def __init__(self, message, reply="failed"):
        super().__init__(message)
        self.reply = reply


def engine():
    """The engine's program, absolute, or None."""
    found = shutil.which(PROGRAM)
    return found and os.path.abspath(found)


def hello(_request):
    program = engine()
    if program:
        said = subprocess.run([program, *VERSION], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        version = said.stdout.strip() or "not known: it does not say"
        availability = {"status": "available"}
    else:
        version = "not known: it is not installed"
        remedy = f"put the folder of {PROGRAM} on PATH"
        availability = {"status": "unavailable", "reason": f"no {PROGRAM} is on PATH", "remedy": remedy}
    target = {
        "id": TARGET,
        "kind": "wasm",
        "availability": availability,
        "steps": STEPS,
        # The fairness ledger: every setting that a sceptical reader would ask about.
        "configuration": {
            "code": "compiled from the .wasm in every process",
            "options": "none but what the workload needs; the input folder granted for reading",
            "guest stdout": "inherited",
        },
    }
    return {
        "reply": "hello",
        "protocol": 2,
        "adapter": "bring-your-own 1.0",
        "engine": PROGRAM,
        "engine_version": version,
        "targets": [target],
    }


def prepare(request):
    known(request)
    workload = request["workload"]
    module, folder = workload["wasm"], workload["input"]
    if "grants" in workload:
        raise Refused("a folder to write, or an environment, is not granted here", "unsupported")
    if not os.path.isfile(module):
        raise Refused(f"reading the workload {module}: there is no such file")
    # An engine that compiles ahead of time would do so here, into request["scratch"].
    launch = {
        "program": engine(),
        "args": RUN + (GRANT if folder else []) + [module] + workload["args"],
        "env": {},
        "directory": folder or request["scratch"],
        "artefact": module,
    }
    return {"reply": "prepared", "launch": launch, "artefacts": []}


def measure(request):
    known(request)
    raise Refused(f"{TARGET} does not do the step {request['step']} by itself", "unsupported")


def known(request):
    if request["target"] != TARGET:
        raise Refused(f"no target {request['target']} here")
    if not engine():
        raise Refused(f"no {PROGRAM} is on PATH")


REQUESTS = {"hello": hello, "prepare": prepare, "measure": measure}


def answer(line):
    try:
        request = json.loads(line)
        return REQUESTS[request["request"]](request)
    except Refused as refused:
        words = "reason" if refused.reply == "unsupported" else "message"
        return {"reply": refused.reply, words: str(refused)}
    except (ValueError, KeyError, TypeError) as error:
        return {"reply": "failed", "message": f"the request is none that is known here: {error!r}"}


def main():
    # A line at a time, until bench closes its end: then nothing may be left running.
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
