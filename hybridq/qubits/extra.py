"""The optional dependency of this package, asked for in words."""

from __future__ import annotations

from hybridq.contract.errors import MissingPackage


def require_qiskit() -> None:
    """Return where Qiskit can be imported.

    Raises:
        MissingPackage: Qiskit is not installed; the message says how to install it.
    """
    try:
        import qiskit  # noqa: F401
    except ImportError as error:
        raise MissingPackage(
            f"this needs Qiskit, which cannot be imported ({error}); install it: pip install 'qiskit>=2.1'"
        ) from error
