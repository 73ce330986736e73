"""One folder per outside party, each translating its formats and errors into the values of `domain` and `market`.

Adapters know nothing of each other; `app` picks the ones a run needs and hands them on through the ports.
"""
