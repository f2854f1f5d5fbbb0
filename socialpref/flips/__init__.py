"""Ranking flips: the smallest change of the sampling distribution that changes an answer.

`closed_form` solves total-variation flips of pairs, rankings, winners and top-k sets exactly;
`programs` solves what has no closed form as convex programs, and `exact` what their solvers cannot
prove; every distance carries a `certificate` that is checked in rational arithmetic, against what
the flip is a `claim` of.
"""
