"""`python -m daemon` is `paperd`."""

from daemon.cli import main

if __name__ == "__main__":
    main()
