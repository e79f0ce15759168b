"""`python -m experiments`: exit status 2 and one line for a mistake, 130 when interrupted."""

import sys

from experiments import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
