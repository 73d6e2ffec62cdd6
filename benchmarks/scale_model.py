"""A small model of how long a step takes on several hosts.

Alphabet: W workers, S servers, P parameters; rates are in bit/s.

In each step a worker sends its gradients, 4 P bytes, and receives their sums.
A server receives its share of the gradients from all workers and sends its
share of the sums to all of them.
"""
from __future__ import annotations

#: Bytes of a parameter, float32.
FLOAT = 4


def bytes_a_step(num_parameters: int) -> int:
    """Bytes that a worker sends and receives in a step."""
    return 2 * FLOAT * num_parameters


def exchange_seconds(num_parameters: int, num_workers: int, num_servers: int,
                     rate: float) -> float:
    """Time to add up all gradients, on links of equal rate.

    Gradients arrive at a server as fast as its link allows, and sums can go
    back while other gradients are still arriving; but a sum is complete only
    when all workers have sent that parameter, and they all begin with the
    same ones. This agrees with the measurements: one transfer over a worker's
    own link, and one over the busiest link, which is a server's if it serves
    several workers.
    """
    one_way = 8 * FLOAT * num_parameters / rate
    return one_way * (1 + max(1, num_workers / num_servers))


def step_seconds(compute: float, hidden: float, exchange: float) -> float:
    """Time of a step, whose backward pass hides a part of the exchange.

    `compute` are the seconds of both passes; `hidden` is the share of them
    during which an exchange costs nothing.
    """
    return compute + max(exchange - hidden * compute, 0.)
