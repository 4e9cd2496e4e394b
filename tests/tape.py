"""Derivatives of formulas in plain Python: a formula that is given Vars for numbers gives a Var, whose gradient() is its
derivative by each of them, by the chain rule. Nothing here knows any loss.
"""
import math


class Var:
    """A number, and by what factor each of those that it was made of moves it."""

    def __init__(self, value, parents=()):
        self.value, self.parents = value, parents

    def __add__(self, other):
        return Var(self.value + value(other), [(self, 1.0)] + wrt(other, 1.0))

    def __sub__(self, other):
        return Var(self.value - value(other), [(self, 1.0)] + wrt(other, -1.0))

    def __rsub__(self, other):
        return Var(other - self.value, [(self, -1.0)])

    def __mul__(self, other):
        return Var(self.value * value(other), [(self, value(other))] + wrt(other, self.value))

    def __truediv__(self, other):
        quotient = self.value / value(other)
        return Var(quotient, [(self, 1 / value(other))] + wrt(other, -quotient / value(other)))

    def __rtruediv__(self, other):
        return Var(other / self.value, [(self, -other / self.value ** 2)])

    def __pow__(self, exponent):
        return Var(self.value ** exponent, [(self, exponent * self.value ** (exponent - 1))])

    def __abs__(self):
        return Var(abs(self.value), [(self, (self.value > 0) - (self.value < 0))])

    __radd__, __rmul__ = __add__, __mul__


def value(x):
    return x.value if isinstance(x, Var) else x


def wrt(x, factor):
    return [(x, factor)] if isinstance(x, Var) else []


def fsum(xs):
    xs = list(xs)
    total = math.fsum(map(value, xs))
    parents = [pair for x in xs for pair in wrt(x, 1.0)]
    return Var(total, parents) if parents else total


def sqrt(x):
    return Var(math.sqrt(x.value), [(x, 0.5 / math.sqrt(x.value))]) if isinstance(x, Var) else math.sqrt(x)


def detach(x):
    """What has no derivative."""
    return value(x)


def gradient(result, variables):
    """The derivative of a result by each of the variables."""
    order, seen, stack = [], set(), [(result, False)]
    while stack:
        x, done = stack.pop()
        if done:
            order.append(x)
        elif isinstance(x, Var) and id(x) not in seen:
            seen.add(id(x))
            stack.append((x, True))
            stack.extend((parent, False) for parent, _ in x.parents)
    moved = {id(result): 1.0}
    for x in reversed(order):
        for parent, factor in x.parents:
            moved[id(parent)] = moved.get(id(parent), 0.0) + factor * moved.get(id(x), 0.0)
    return [moved.get(id(x), 0.0) for x in variables]
