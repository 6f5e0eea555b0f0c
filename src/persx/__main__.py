"""``python -m persx`` is the command line."""

from persx.cli import main

if __name__ == "__main__":
    main()
