"""Run workloads by name, in a process of their own, and time them.

A process has one environment, one number of threads and one set of libraries;
workloads that differ in these run in several processes, which take turns. A
worker reads a name, a number of repetitions and options from its standard
input, and answers with the seconds that one repetition took.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
OURS = sys.executable, HERE / 'ours.py'


def python_seconds(*arguments):
    """Seconds that a fresh interpreter takes, from its start to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True,
                   capture_output=True)
    return time.perf_counter() - start


def serve(workloads):
    """Answer requests until standard input ends.

    `workloads` maps names to functions that take the options, prepare a
    workload and return it as a function to be timed. That function returns
    when its work is done, if need be with a dictionary of other figures.
    """
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    ready = {}
    for line in sys.stdin:
        name, repetitions, options = json.loads(line)
        key = name, json.dumps(options)
        if key not in ready:
            ready[key] = workloads[name](**options)
            ready[key]()   # the first call compiles and allocates
        start = time.perf_counter()
        for _ in range(repetitions):
            more = ready[key]() or {}
        seconds = (time.perf_counter() - start) / repetitions
        print(json.dumps({'seconds': seconds, **more}), file=answers,
              flush=True)


class Worker:
    """A process that serves workloads, seen from the caller."""

    def __init__(self, command, **environment):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, **environment})

    def __call__(self, name, repetitions=1, **options):
        request = json.dumps([name, repetitions, options])
        print(request, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f'{self._process.args} ended at {name}')
        return json.loads(answer)

    def close(self):
        self._process.stdin.close()
        self._process.wait()
