"""The same bits on any share of a machine: linear algebra on one thread."""

from __future__ import annotations

from hybridq.loops.optimizers.messages import Outcome, Search


def on_one_blas_thread(search: Search) -> Search:
    """The same search, its linear algebra on one thread, since BLAS rounds differently on several.

    The limit holds only while the search itself runs, not while its rows are evaluated.
    """
    from threadpoolctl import ThreadpoolController

    blas = ThreadpoolController().select(user_api="blas")
    reply = None
    try:
        while True:
            with blas.limit(limits=1):
                try:
                    message = search.send(reply)
                except StopIteration as stop:
                    outcome: Outcome = stop.value
                    return outcome
            reply = yield message
    finally:
        search.close()
