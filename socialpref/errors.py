"""The errors that socialpref raises; every one of them is a `SocialPrefError`."""


class SocialPrefError(Exception):
    """Base class of every error that socialpref raises on purpose."""


class InputError(SocialPrefError, ValueError):
    """An argument is not what it must be; the message names it and says what it was."""


class DataError(SocialPrefError):
    """A file is missing, unreadable or not of the form it should have."""


class OutputError(SocialPrefError):
    """A result cannot be written where it was asked for."""


class ConvergenceError(SocialPrefError, RuntimeError):
    """A solver stopped before it reached its tolerance."""


class CertificateError(SocialPrefError):
    """A certificate does not prove what it claims."""
